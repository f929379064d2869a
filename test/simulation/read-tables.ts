/** The read tables in memory, by name. */
import { FoldedTable } from '../../src/application/projections/fold-rows.js';
import type { AnyRow, Change } from '../../src/application/projections/projection.js';

export class ReadTables {
  private readonly tables = new Map<string, FoldedTable>();

  rows(table: string): Iterable<AnyRow> {
    return this.table(table).rows();
  }

  apply(name: string, change: Change<AnyRow>): void {
    this.table(name).apply(change);
  }

  private table(name: string): FoldedTable {
    const present = this.tables.get(name) ?? new FoldedTable(name);
    this.tables.set(name, present);
    return present;
  }
}
