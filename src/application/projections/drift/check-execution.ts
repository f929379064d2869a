import { workflowStream, executionIdOf, STREAM_PREFIX } from '../../../domain/workflow/index.js';
import { canonicalJson, type Json } from '../../../domain/json.js';
import { HistoryDamaged, StreamTombstoned, type EventLog, type RecordedEvent } from '../../log/event-log.js';
import { mustFollow } from '../../workflow/histories.js';
import { type AnyRow, type Projection, readEvent } from '../projection.js';
import { FoldedTable } from '../fold-rows.js';

/** What a read table holds of one execution, and what it should not hold yet. */
export type LiveExecution = Readonly<{
  projection: string;
  primaryKey: readonly string[];
  /** As of which the rows are; 'start' where the table was never written. */
  position: bigint | 'start';
  rows: readonly AnyRow[];
  /** The event at which the execution is held back; null where it is not. */
  heldAt: bigint | null;
  /** Revisions that an operator had passed over. */
  skipped: readonly bigint[];
}>;

/** The read tables as they are, for comparing. Rows are normalised: what is the same value has the same JSON. */
export interface LiveRows {
  /** All of it as of one moment. */
  of(executionId: string, projections: readonly string[]): Promise<readonly LiveExecution[]>;
  /** The row as it would come out of the table that it is written to. */
  normalised(projection: string, row: AnyRow): AnyRow;
  /** Executions with a row in any of these tables, by id, after that one. */
  executions(after: string | null, limit: number, projections: readonly string[]): Promise<readonly string[]>;
}

/** Two versions of rows, row by row and column by column. Pure. */

type ColumnDifference = Readonly<{
  column: string;
  /** As the events of the log say, and as it stands in the table. */
  expected: Json;
  found: Json;
}>;

/**
 * `missing`: the table has no such row; `unexplained`: no event of the log made it; `changed`: some columns differ;
 * `unreadable`: an event that the table has taken can no longer be read.
 */
export type RowDifference = Readonly<{
  kind: 'missing' | 'unexplained' | 'changed' | 'unreadable';
  key: Readonly<Record<string, Json>>;
  columns: readonly ColumnDifference[];
}>;

/** Rows as canonical text of their values; both sides have to be normalised in the same way. */
export const differences = (
  expected: readonly AnyRow[],
  found: readonly AnyRow[],
  primaryKey: readonly string[],
): readonly RowDifference[] => {
  const keyOf = (row: AnyRow) => JSON.stringify(primaryKey.map((column) => row[column]));
  const named = (row: AnyRow) => Object.fromEntries(primaryKey.map((column) => [column, row[column] as Json]));
  const present = new Map(found.map((row) => [keyOf(row), row]));
  const known = new Set(expected.map(keyOf));
  return [
    ...expected.flatMap((row): RowDifference[] => {
      const other = present.get(keyOf(row));
      if (!other) return [{ kind: 'missing', key: named(row), columns: [] }];
      const columns = columnDifferences(row, other);
      return columns.length > 0 ? [{ kind: 'changed', key: named(row), columns }] : [];
    }),
    ...found.flatMap((row): RowDifference[] =>
      known.has(keyOf(row)) ? [] : [{ kind: 'unexplained', key: named(row), columns: [] }],
    ),
  ];
};

const columnDifferences = (expected: AnyRow, found: AnyRow): readonly ColumnDifference[] =>
  Object.keys(expected).flatMap((column) => {
    const [a, b] = [jsonOf(expected[column]), jsonOf(found[column])];
    return canonicalJson(a) === canonicalJson(b) ? [] : [{ column, expected: a, found: b }];
  });

/** As it would go over the wire: a time is its ISO-8601 text. */
const jsonOf = (value: unknown): Json => (value === undefined ? null : (JSON.parse(JSON.stringify(value)) as Json));

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
 * @returns nothing where the history is damaged: there is nothing to compare with
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
    if (error instanceof HistoryDamaged) return [];
    throw error;
  }
};

const look = async ({ log, rows }: Ports, projections: readonly Projection[], executionId: string) => {
  // The rows first: the log then holds all that they were made of.
  const tables = projections.map(({ table }) => table);
  const live = await rows.of(executionId, tables);
  const stream = workflowStream(executionId);
  const { events } = await log.read(stream);
  mustFollow(stream, 0n, events);
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

/** An event that can no longer be read, though its table has taken it, is a difference; what came after it is not known. */
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

/** Whole read tables against the whole log, in bounded memory: first what the log holds, then what only the tables hold. */

type Verification = Readonly<{
  log: EventLog;
  rows: LiveRows;
  projections: readonly Projection[];
  signal: AbortSignal;
  /** Everything that was compared, one by one; what does not differ has no differences. */
  onChecked: (checked: readonly Checked[]) => Promise<void> | void;
  /** Position of the log up to which executions were compared. */
  onPosition?: (position: bigint) => void;
}>;

/** Executions that are compared at once. */
const AT_ONCE = 8;
const PAGE = 500;
/** Beyond any revision: such a read tells whether there is a stream, and gives no events. */
const NO_EVENTS_FROM = 2n ** 53n;

/** Executions begun until now: later ones are followed by the tables a moment later, and would be no drift. */
export const verifyAll = async (verification: Verification): Promise<void> => {
  const { log, projections, signal, onChecked, onPosition } = verification;
  const head = await log.head();
  const check = async (executionId: string) => {
    await onChecked(await checkExecution(verification, projections, executionId));
  };
  for (let after: bigint | 'start' = 'start'; head !== 'start' && !signal.aborted;) {
    const page: readonly RecordedEvent[] = await log.page(after, PAGE);
    const born = page.filter((event) => isBirth(event) && event.position <= head);
    await inGroups(born, ({ stream }) => check(executionIdOf(stream)));
    const last = page.at(-1)?.position;
    if (last === undefined) break;
    onPosition?.(last);
    if (last >= head) break;
    after = last;
  }
  await verifyUnexplained(verification, check);
};

/** Some of those that have rows, spread over all. @param anywhere gives UUIDs without order */
export const verifySample = async (verification: Verification, size: number, anywhere: () => string): Promise<void> => {
  const { rows, projections, onChecked } = verification;
  const tables = projections.map(({ table }) => table);
  const chosen = new Set<string>();
  for (let tries = 0; tries < 4 * size && chosen.size < size; tries++) {
    const [found] = await rows.executions(anywhere(), 1, tables);
    const [first] = found === undefined ? await rows.executions(null, 1, tables) : [found];
    if (first === undefined) break;
    chosen.add(first);
  }
  await inGroups([...chosen], async (id) => {
    await onChecked(await checkExecution(verification, projections, id));
  });
};

const isBirth = ({ stream, revision }: RecordedEvent) => revision === 0n && stream.startsWith(STREAM_PREFIX);

const verifyUnexplained = async (
  { log, rows, projections, signal }: Verification,
  check: (executionId: string) => Promise<void>,
): Promise<void> => {
  const tables = projections.map(({ table }) => table);
  for (let after: string | null = null; !signal.aborted;) {
    const page: readonly string[] = await rows.executions(after, PAGE, tables);
    await inGroups(page, async (executionId) => {
      if (!(await isKnown(log, executionId))) await check(executionId);
    });
    if (page.length < PAGE) return;
    after = page.at(-1)!;
  }
};

/** Whether the log has events of it. Of a stream that was tombstoned it had. */
const isKnown = async (log: EventLog, executionId: string): Promise<boolean> => {
  try {
    return (await log.read(workflowStream(executionId), NO_EVENTS_FROM)).revision !== 'none';
  } catch (error) {
    if (error instanceof StreamTombstoned) return true;
    throw error;
  }
};

const inGroups = async <Item>(items: readonly Item[], act: (item: Item) => Promise<void>): Promise<void> => {
  for (let from = 0; from < items.length; from += AT_ONCE)
    await Promise.all(items.slice(from, from + AT_ONCE).map(act));
};
