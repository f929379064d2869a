import type { Json } from '../../domain/json.js';

/** A row as Postgres writes it in JSON: by column; instants in ISO 8601 with an offset, `bigint` as a JSON number. */
export type JsonRow = Readonly<Record<string, Json>>;

/** A change of one row of a read table, as it was committed. */
export type RowChange = Readonly<{
  table: string;
  type: 'INSERT' | 'UPDATE' | 'DELETE';
  /** The columns of the primary key. */
  key: JsonRow;
  /**
   * The row after the change; null after a DELETE. Where the row is too large to be announced it is read a moment later
   * and may then be newer than the change.
   */
  record: JsonRow | null;
  /**
   * The same row as queries read it, with `bigint` as text and instants as `Date`: only where this instance has written it, and then
   * cheaper than `record`, which is made when it is asked for.
   */
  row?: Readonly<Record<string, unknown>>;
  /** It was made after changes of later events: its execution had been held back. */
  late: boolean;
  /** ISO 8601, UTC: when the change was written, a little before it was committed. */
  at: string;
}>;

export type TableColumn = Readonly<{
  name: string;
  /** As Postgres names it in its catalogue: `int4`, `timestamptz`. */ type: string;
}>;

export interface ChangeListener {
  /** In the order in which the changes were committed. Must not wait and must not throw. */
  changed(change: RowChange): void;
  /** Changes may have been made of which the listener is not notified: what was read before has to be read again. */
  missed(why: string): void;
}

/** Until it is ended, listeners are notified of each change of its tables. */
export type Interest = Readonly<{
  /** Resolves when every later commit is announced: a read after it and the notifications leave no gap. */
  begun: Promise<void>;
  end: () => void;
}>;

/** What any instance commits to the read tables, as it happens. */
export abstract class RowChanges {
  /** The tables that are followed, with their columns in order. */
  abstract tables(): ReadonlyMap<string, readonly TableColumn[]>;
  /** Notifies of changes from now on, none of the past. @returns a function that ends it */
  abstract follow(listener: ChangeListener): () => void;
  /** Announcing costs the writer: changes of a table are announced for certain only while there is an interest in it. */
  abstract interest(tables: readonly string[]): Interest;
}
