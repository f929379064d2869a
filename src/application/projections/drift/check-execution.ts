import { workflowStream } from '../../../domain/workflow/index.js';
import { StreamTombstoned, type EventLog, type RecordedEvent } from '../../log/event-log.js';
import type { AnyRow, Projection } from '../projection.js';
import { readEvent } from '../read-event.js';
import { differences, type RowDifference } from './differences.js';
import { FoldedTable } from '../fold-rows.js';
import type { LiveExecution, LiveRows } from './live-rows.js';

export type Checked = Readonly<{
  projection: string;
  executionId: string;
  position: bigint | 'start';
  differences: readonly RowDifference[];
}>;

type Ports = Readonly<{ log: EventLog; rows: LiveRows }>;

/**
 * Folds an execution's events and compares with its rows, both as of the position that each table has reached. What differs
 * is looked at a second time: a table that is swapped at this very moment is no drift.
 * @returns nothing where the stream was tombstoned: there is nothing to compare with
 */
export const checkExecution = async (
  ports: Ports,
  projections: readonly Projection[],
  executionId: string,
): Promise<readonly Checked[]> => {
  try {
    const first = await look(ports, projections, executionId);
    const isSame = first.every((checked) => checked.differences.length === 0);
    return isSame ? first : await look(ports, projections, executionId);
  } catch (error) {
    if (error instanceof StreamTombstoned) return [];
    throw error;
  }
};

const look = async ({ log, rows }: Ports, projections: readonly Projection[], executionId: string) => {
  // The rows first: the log then holds whatever they were made of.
  const tables = projections.map(({ table }) => table);
  const live = await rows.of(executionId, tables);
  const { events } = await log.read(workflowStream(executionId));
  return projections.map((projection): Checked => {
    const found = live.find((each) => each.projection === projection.table);
    if (!found) throw new Error(`Expected the rows of ${projection.table}, got those of ${tables.join(', ')}`);
    const { position, primaryKey } = found;
    const folded = foldRows(projection, events.filter(isDue(found)), primaryKey);
    const expected = folded.rows.map((row) => rows.normalised(projection.table, row));
    const all = [...folded.unreadable, ...differences(expected, found.rows, primaryKey)];
    return { projection: projection.table, executionId, position, differences: all };
  });
};

const isDue =
  ({ position, heldAt, skipped }: LiveExecution) =>
  (event: RecordedEvent): boolean =>
    position !== 'start' &&
    event.position <= position &&
    (heldAt === null || event.revision < heldAt) &&
    !skipped.includes(event.revision);

type Folded = Readonly<{ rows: readonly AnyRow[]; unreadable: readonly RowDifference[] }>;

/** An event that can be read no more, though its table has taken it, is told; what came after it is not known. */
const foldRows = (projection: Projection, events: readonly RecordedEvent[], primaryKey: readonly string[]): Folded => {
  const table = new FoldedTable(projection.table, primaryKey);
  for (const event of events) {
    try {
      for (const change of projection.project(readEvent(event))) table.apply(change);
    } catch (error) {
      const columns = [{ column: 'error', expected: String(error), found: null }];
      const unreadable = {
        kind: 'unreadable',
        key: { stream: event.stream, revision: `${event.revision}` },
        columns,
      } as const;
      return { rows: table.rows(), unreadable: [unreadable] };
    }
  }
  return { rows: table.rows(), unreadable: [] };
};
