/** The read tables in memory, of any events: what the changes of projections do, without SQL. Pure but for its own rows. */
import type { RecordedEvent } from '../log/event-log.js';
import { rowName, type AnyRow, type Change, type Projection, type Update, readEvent } from './projection.js';

/** What one change did to one row; `before` is null where it was born. Neither is ever changed again. */
export type RowChange = Readonly<{ table: string; before: AnyRow | null; after: AnyRow }>;

const DEFAULT_KEY = ['id'];

/** One table. Rows are replaced, never changed: a caller that holds one keeps it as it was. */
export class FoldedTable {
  private readonly byKey = new Map<string, Record<string, unknown>>();

  constructor(
    private readonly name: string,
    private readonly key: readonly string[] = DEFAULT_KEY,
  ) {}

  /** In the order of their birth. */
  rows(): readonly AnyRow[] {
    return [...this.byKey.values()];
  }

  /**
   * As `apply`, for callers that look at the rows in the end: a row is changed where it stands, and one that is born is theirs no more.
   * @returns false where it is to change one row, which was never born
   */
  absorb(change: Change<AnyRow>): boolean {
    if (change.op === 'insert') {
      const name = rowName(change.row, this.key);
      if (!this.byKey.has(name)) this.byKey.set(name, change.row);
      return true;
    }
    const found = this.rowsOf(change.key);
    for (const [, row] of found) if (isToChange(row, change)) changeInPlace(row, change);
    return found.length > 0 || !this.isWhole(change.key);
  }

  apply(change: Change<AnyRow>): readonly RowChange[] {
    if (change.op === 'insert') {
      const name = rowName(change.row, this.key);
      return this.byKey.has(name) ? [] : [this.put(name, null, { ...change.row })];
    }
    return this.rowsOf(change.key)
      .filter(([, row]) => isToChange(row, change))
      .map(([name, row]) => this.put(name, row, changed(row, change)));
  }

  private put(name: string, before: AnyRow | null, after: Record<string, unknown>): RowChange {
    this.byKey.set(name, after);
    return { table: this.name, before, after };
  }

  private rowsOf(key: AnyRow): readonly (readonly [string, Record<string, unknown>])[] {
    const name = this.isWhole(key) ? rowName(key, this.key) : undefined;
    const named = name === undefined ? undefined : this.byKey.get(name);
    const found = name === undefined ? [...this.byKey] : named ? [[name, named] as const] : [];
    return found.filter(([, row]) => Object.entries(key).every(([column, value]) => row[column] === value));
  }

  private isWhole(key: AnyRow): boolean {
    return this.key.every((column) => column in key);
  }
}

/** The tables of several projections, event by event. */
export class FoldedRows {
  private readonly tables: ReadonlyMap<Projection, FoldedTable>;

  constructor(projections: readonly Projection[]) {
    this.tables = new Map(projections.map((each) => [each, new FoldedTable(each.table, each.key)]));
  }

  /** @throws where the event is not what this application writes; the rows are then as they were */
  apply(event: RecordedEvent): readonly RowChange[] {
    const read = readEvent(event);
    const made = [...this.tables].map(([projection, table]) => ({ table, changes: projection.project(read) }));
    return made.flatMap(({ table, changes }) => changes.flatMap((change) => table.apply(change)));
  }

  rows(table: string): readonly AnyRow[] {
    for (const [projection, folded] of this.tables) if (projection.table === table) return folded.rows();
    throw new Error(`Table ${table}: expected one of the projections that are folded`);
  }
}

/** @returns the rows of each table, by its name. @throws where an event is not what this application writes */
export const foldRows = (
  projections: readonly Projection[],
  events: Iterable<RecordedEvent>,
): ReadonlyMap<string, readonly AnyRow[]> => {
  const folded = new FoldedRows(projections);
  for (const event of events) folded.apply(event);
  return new Map(projections.map(({ table }) => [table, folded.rows(table)]));
};

/** Whether the update counts for the row: SQL asks the same in `where`. */
export const isToChange = (row: AnyRow, { where, set }: Update<AnyRow>): boolean =>
  (!where || where.among.includes(row[where.column] as string)) &&
  BigInt(row['revision'] as string) < BigInt(set.revision);

/** The row as the update leaves it; `before` stays. */
export const changed = (before: AnyRow, update: Update<AnyRow>): Record<string, unknown> =>
  changeInPlace({ ...before }, update);

const changeInPlace = (
  row: Record<string, unknown>,
  { set, fill = {}, merge = [] }: Update<AnyRow>,
): Record<string, unknown> => {
  for (const [column, value] of Object.entries(fill)) row[column] ??= value;
  for (const { column, path, value } of merge) row[column] = laidOver(row[column] as AnyRow, path, value);
  return Object.assign(row, set);
};

const laidOver = (target: AnyRow, [name, ...rest]: readonly string[], value: AnyRow): AnyRow =>
  name === undefined ? { ...target, ...value } : { ...target, [name]: laidOver(target[name] as AnyRow, rest, value) };
