/** What the changes of projections mean, in a few lines and without SQL: the reference for the store. */
import { projections } from '../../../src/application/projections/index.js';
import type { AnyRow, Change, Projection } from '../../../src/application/projections/projection.js';
import { readEvent } from '../../../src/application/projections/read-event.js';
import type { RecordedEvent } from '../../../src/application/event-log.js';

type Row = Record<string, unknown>;
export type Tables = ReadonlyMap<string, readonly AnyRow[]>;

export const tablesOf = (events: readonly RecordedEvent[], list: readonly Projection[] = projections): Tables =>
  new Map(
    list.map((projection) => {
      const rows: Row[] = [];
      for (const event of events) for (const change of projection.project(readEvent(event))) apply(rows, change);
      return [projection.table, rows];
    }),
  );

const apply = (rows: Row[], change: Change<AnyRow>): void => {
  if (change.op === 'insert') {
    rows.push({ ...change.row });
    return;
  }
  const { key, where, set, fill = {}, merge = [] } = change;
  const isMeant = (row: Row) => Object.entries(key).every(([column, value]) => row[column] === value);
  const passes = (row: Row) => !where || where.among.includes(row[where.column] as string);
  for (const row of rows.filter(isMeant).filter(passes)) {
    if (BigInt(row['revision'] as string) >= BigInt(set.revision)) continue;
    for (const [column, value] of Object.entries(fill)) row[column] ??= value;
    for (const { column, path, value } of merge) row[column] = laidOver(row[column] as AnyRow, path, value);
    Object.assign(row, set);
  }
};

const laidOver = (target: AnyRow, [name, ...rest]: readonly string[], value: AnyRow): AnyRow =>
  name === undefined ? { ...target, ...value } : { ...target, [name]: laidOver(target[name] as AnyRow, rest, value) };
