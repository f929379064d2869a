/** Folds the changes of a batch so that each row is written once. Pure; SQL is made of it in row-statements.ts. */
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

export const segmentsOf = (changes: readonly Change<AnyRow>[], primaryKey: readonly string[]): readonly Segment[] => {
  const segments: Segment[] = [];
  let inserts: AnyRow[] = [];
  let patches = new Map<string, Patch>();
  const close = (sweeping: Update<AnyRow> | null) => {
    segments.push({ inserts, patches: [...patches.values()], sweeping });
    inserts = [];
    patches = new Map();
  };
  for (const change of changes) {
    if (change.op === 'insert') {
      inserts.push(change.row);
    } else if (change.where || !primaryKey.every((column) => column in change.key)) {
      close(change);
    } else {
      const row = rowName(change.key, primaryKey);
      patches.set(row, patched(patches.get(row), change));
    }
  }
  if (inserts.length > 0 || patches.size > 0) close(null);
  return segments;
};

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
