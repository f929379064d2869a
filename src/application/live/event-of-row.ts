import type { EventView } from '../queries/read-model.js';
import type { JsonRow } from './row-changes.js';

type Raw = Readonly<Record<'position' | 'revision', number> & Record<'occurred_at' | 'recorded_at', string | null>>;

/** A row of `workflow_events` as Postgres writes it in JSON, as the API shows it. */
export const eventOfRow = (row: JsonRow): EventView => {
  const { position, revision, occurred_at, recorded_at } = row as Raw;
  return {
    ...row,
    position: String(position),
    revision: String(revision),
    occurred_at: occurred_at === null ? null : new Date(occurred_at),
    recorded_at: new Date(recorded_at ?? ''),
  } as unknown as EventView;
};
