import type { EventView } from '../queries/read-model.js';
import type { JsonRow } from './row-changes.js';

/** A row of `workflow_events` as Postgres writes it in JSON, as the API shows it. */
export const eventOfRow = (row: JsonRow): EventView =>
  ({
    ...row,
    position: String(row['position']),
    revision: String(row['revision']),
    occurred_at: row['occurred_at'] === null ? null : new Date(String(row['occurred_at'])),
    recorded_at: new Date(String(row['recorded_at'])),
  }) as unknown as EventView;
