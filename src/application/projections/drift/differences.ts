/** Two versions of rows, row by row and column by column. Pure. */
import { canonicalJson, type Json } from '../../../domain/json.js';
import type { AnyRow } from '../projection.js';

export type ColumnDifference = Readonly<{
  column: string;
  /** As the events of the log say, and as it stands in the table. */
  expected: Json;
  found: Json;
}>;

/**
 * `missing`: the table has no such row; `unexplained`: no event of the log made it; `changed`: some columns differ;
 * `unreadable`: an event that the table has taken cannot be read any more.
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
