/** The read tables in memory, with what a change means: an insert where there is no such row, an update where it is newer. */
import type { AnyRow, Change } from '../../src/application/projections/projection.js';

type Row = Record<string, unknown>;

export class ReadTables {
  private readonly tables = new Map<string, Map<string, Row>>();

  rows(table: string): Iterable<AnyRow> {
    return this.table(table).values();
  }

  apply(name: string, change: Change<AnyRow>): void {
    const table = this.table(name);
    if (change.op === 'insert') {
      const id = change.row['id'] as string;
      if (!table.has(id)) table.set(id, { ...change.row });
      return;
    }
    const { key, where, set, fill = {}, merge = [] } = change;
    const named = key['id'] as string | undefined;
    const rows = named === undefined ? [...table.values()].filter((row) => isMeant(row, key)) : [table.get(named)];
    for (const row of rows) {
      if (!row || (where && !where.among.includes(row[where.column] as string))) continue;
      if (BigInt(row['revision'] as string) >= BigInt(set.revision)) continue;
      for (const [column, value] of Object.entries(fill)) row[column] ??= value;
      for (const { column, path, value } of merge) row[column] = laidOver(row[column] as AnyRow, path, value);
      Object.assign(row, set);
    }
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
