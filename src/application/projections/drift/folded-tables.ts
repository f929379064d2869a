/** The read tables in memory, with what a change means: an insert where there is no such row, an update where it is newer. */
import type { AnyRow, Change } from '../projection.js';

type Row = Record<string, unknown>;

export class FoldedTables {
  private readonly tables = new Map<string, Map<string, Row>>();

  /** @param primaryKey of each table */
  constructor(private readonly primaryKey: (table: string) => readonly string[] = () => ['id']) {}

  rows(table: string): Iterable<AnyRow> {
    return this.table(table).values();
  }

  apply(name: string, change: Change<AnyRow>): void {
    const table = this.table(name);
    if (change.op === 'insert') {
      const key = this.keyOf(name, change.row);
      if (!table.has(key)) table.set(key, { ...change.row });
      return;
    }
    const { key, where, set, fill = {}, merge = [] } = change;
    const isWhole = this.primaryKey(name).every((column) => column in key);
    const one = isWhole ? table.get(this.keyOf(name, key)) : undefined;
    for (const row of isWhole ? (one ? [one] : []) : [...table.values()].filter((each) => isMeant(each, key))) {
      if (where && !where.among.includes(row[where.column] as string)) continue;
      if (BigInt(row['revision'] as string) >= BigInt(set.revision)) continue;
      for (const [column, value] of Object.entries(fill)) row[column] ??= value;
      for (const { column, path, value } of merge) row[column] = laidOver(row[column] as AnyRow, path, value);
      Object.assign(row, set);
    }
  }

  private keyOf(table: string, row: AnyRow): string {
    return this.primaryKey(table)
      .map((column) => String(row[column]))
      .join('\0');
  }

  private table(name: string): Map<string, Row> {
    const present = this.tables.get(name) ?? new Map<string, Row>();
    this.tables.set(name, present);
    return present;
  }
}

const isMeant = (row: Row, key: AnyRow) => Object.entries(key).every(([column, value]) => row[column] === value);

const laidOver = (target: AnyRow, [name, ...rest]: readonly string[], value: AnyRow): AnyRow =>
  name === undefined ? { ...target, ...value } : { ...target, [name]: laidOver(target[name] as AnyRow, rest, value) };
