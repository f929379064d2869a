/** Changes of rows that this process has written itself, as its clients are told of them. */
import type { JsonRow, RowChange, TableColumn } from '../../../application/live/row-changes.js';
import type { AnnouncedChange } from './announcement.js';
import { jsonOfRead, readRow } from './own-rows.js';

type Row = Readonly<Record<string, unknown>>;
type TransactionFacts = Readonly<{ late: boolean; at: string }>;

/** A change that was made here. Its transaction knows when only after the row is known. */
abstract class OwnChange {
  readonly toRead = false;

  constructor(
    readonly table: string,
    private readonly transaction: TransactionFacts,
  ) {}

  get late(): boolean {
    return this.transaction.late;
  }

  get at(): string {
    return this.transaction.at;
  }
}

/** As the database returned it. */
export class ReturnedRow extends OwnChange implements AnnouncedChange {
  constructor(
    table: string,
    transaction: TransactionFacts,
    readonly type: RowChange['type'],
    readonly record: JsonRow,
    private readonly primaryKey: readonly string[],
  ) {
    super(table, transaction);
  }

  get key(): JsonRow {
    return Object.fromEntries(this.primaryKey.map((name) => [name, this.record[name] ?? null]));
  }
}

/** As the projections wrote it. What nobody asks for is not made. */
export class InsertedRow extends OwnChange implements AnnouncedChange {
  readonly type = 'INSERT';
  private read: Row | null = null;

  constructor(
    table: string,
    transaction: TransactionFacts,
    private readonly written: Row,
    private readonly columns: readonly TableColumn[],
    private readonly primaryKey: readonly string[],
  ) {
    super(table, transaction);
  }

  get row(): Row {
    return (this.read ??= readRow(this.columns, this.written));
  }

  get record(): JsonRow {
    return jsonOfRead(this.columns, this.row);
  }

  get key(): JsonRow {
    const { columns, primaryKey, row } = this;
    return jsonOfRead(
      columns.filter(({ name }) => primaryKey.includes(name)),
      row,
    );
  }
}
