/** Folds the changes of a batch so that each row is written once. Pure; SQL is made of it in row-statements.ts. */
import { isStorableText } from '../../../domain/json.js';
import { changed, isToChange } from '../../../application/projections/fold-rows.js';
import {
  rowName,
  type AnyRow,
  type Change,
  type Merge,
  type Update,
} from '../../../application/projections/projection.js';

/** All that a batch changes in one row. No column is in two of `set`, `fill` and `merges`. */
export type Patch = Readonly<{
  key: AnyRow;
  set: AnyRow;
  fill: AnyRow;
  merges: readonly Merge<AnyRow>[];
}>;

/** To be written in this order: births, one patch for a row, then perhaps an update that names no single row. */
type Segment = Readonly<{
  inserts: readonly AnyRow[];
  patches: readonly Patch[];
  sweeping: Update<AnyRow> | null;
}>;

/** @param folds whether a row that is born in the batch is written as it is at its end, where that can be said without SQL */
export const segmentsOf = (
  changes: readonly Change<AnyRow>[],
  primaryKey: readonly string[],
  folds = false,
): readonly Segment[] => {
  const segments: Segment[] = [];
  let births = folds ? new FoldedBirths() : new Births();
  let patches = new Map<string, Patch>();
  const close = (sweeping: Update<AnyRow> | null) => {
    segments.push({ inserts: births.rows(), patches: [...patches.values()], sweeping });
    births = folds ? new FoldedBirths() : new Births();
    patches = new Map();
  };
  for (const change of changes) {
    if (change.op === 'insert') {
      const name = folds ? rowName(change.row, primaryKey) : '';
      births.add(name, change.row, patches.has(name));
    } else if (change.where || !primaryKey.every((column) => column in change.key)) {
      close(change);
    } else {
      const name = rowName(change.key, primaryKey);
      if (!births.take(name, change)) patches.set(name, patched(patches.get(name), change));
    }
  }
  if (births.rows().length > 0 || patches.size > 0) close(null);
  return segments;
};

/** The rows that a segment inserts. */
class Births {
  private readonly inserts: AnyRow[] = [];

  add(_name: string, row: AnyRow, _isPatched: boolean): void {
    this.inserts.push(row);
  }

  /** @returns whether the update is in the row that is inserted; a patch has to follow where it is not */
  take(_name: string, _update: Update<AnyRow>): boolean {
    return false;
  }

  rows(): readonly AnyRow[] {
    return this.inserts;
  }
}

/** Takes the updates of its rows in. Of a row with one that only SQL can do, the later ones are patches as well. */
class FoldedBirths extends Births {
  private readonly byName = new Map<string, AnyRow>();
  private readonly closed = new Set<string>();

  override add(name: string, row: AnyRow, isPatched: boolean): void {
    if (isPatched) this.closed.add(name);
    // The first counts, as in SQL.
    if (!this.byName.has(name)) this.byName.set(name, row);
  }

  override take(name: string, update: Update<AnyRow>): boolean {
    const row = this.byName.get(name);
    if (row === undefined || this.closed.has(name)) return false;
    if (!isFoldable(row, update)) {
      this.closed.add(name);
      return false;
    }
    if (isToChange(row, update)) this.byName.set(name, changed(row, update));
    return true;
  }

  override rows(): readonly AnyRow[] {
    return [...this.byName.values()];
  }
}

/** Whether the merges of the update do to the row what SQL would: objects laid over objects, under keys that Postgres can hold. */
const isFoldable = (row: AnyRow, { merge = [] }: Update<AnyRow>): boolean =>
  merge.every(({ column, path, value }) => {
    const target = path.reduce<unknown>((at, name) => (isObject(at) ? at[name] : undefined), row[column]);
    return (
      isObject(target) && isObject(value) && Object.keys(value).every(isStorableText) && !isUnder(merge, column, value)
    );
  });

/** Whether another of the merges goes on below what this one brings. */
const isUnder = (merges: readonly Merge<AnyRow>[], column: string, value: AnyRow): boolean =>
  merges.some(({ column: other, path: [name] }) => other === column && name !== undefined && name in value);

const isObject = (value: unknown): value is AnyRow =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

const patched = (before: Patch | undefined, { key, set, fill = {}, merge = [] }: Update<AnyRow>): Patch => {
  if (!before) return { key, set, fill, merges: merge };
  const isSet = ({ column }: Merge<AnyRow>) => column in set;
  return {
    key,
    set: Object.assign({}, before.set, set),
    fill: without(Object.assign({}, fill, before.fill), set),
    merges: merge.reduce(
      merged,
      before.merges.some(isSet) ? before.merges.filter((each) => !isSet(each)) : before.merges,
    ),
  };
};

const without = (row: AnyRow, columns: AnyRow): AnyRow => {
  const rest: Record<string, unknown> = {};
  for (const column in row) if (!(column in columns)) rest[column] = row[column];
  return rest;
};

const merged = (merges: readonly Merge<AnyRow>[], next: Merge<AnyRow>): readonly Merge<AnyRow>[] => {
  const isSame = ({ column, path }: Merge<AnyRow>) =>
    column === next.column && path.join('\0') === next.path.join('\0');
  const before = merges.find(isSame);
  if (!before) return [...merges, next];
  return merges.map((merge) => (merge === before ? { ...merge, value: { ...merge.value, ...next.value } } : merge));
};
