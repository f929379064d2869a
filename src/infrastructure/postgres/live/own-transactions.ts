/** Tells the clients of this instance of the rows that it writes: the database says only when they are committed. */
import type pg from 'pg';
import type { JsonRow, RowChange, TableColumn } from '../../../application/live/row-changes.js';
import { type AnnouncedChange, CHANNEL, type OwnMark } from './announcement.js';
import { askForLock, Interests } from './interests.js';
import { InsertedRow, ReturnedRow } from './own-changes.js';
import { isKnown } from './own-rows.js';

/** The tables that announce their changes, as the catalogue says they are. */
export type FollowedTables = Readonly<{
  schema: string;
  columns: ReadonlyMap<string, readonly TableColumn[]>;
  keys: ReadonlyMap<string, readonly string[]>;
}>;

type Row = Readonly<Record<string, unknown>>;
type Columns = Readonly<{ has: (column: string) => boolean }>;

/** One transaction whose rows, in the order in which they were written, this instance tells its own clients. */
export class OwnTransaction {
  readonly changes: AnnouncedChange[] = [];
  /** Which of its rows are new is not known: its followers have to read again. */
  isIncomplete = false;
  private began = new Date(0);
  private announcedAs: readonly string[] | null = null;

  constructor(
    readonly number: number,
    private readonly tables: ReadonlySet<string>,
    readonly late: boolean,
    private readonly own: OwnTransactions,
  ) {}

  /** This instance hears of all rows of these tables from here: what the triggers announce beside that is for others. */
  tells(table: string): boolean {
    return this.tables.has(table);
  }

  /** As the trigger announces their changes. */
  get beginnings(): readonly string[] {
    const { schema } = this.own.followed;
    return (this.announcedAs ??= [...this.tables].map((table) => `{"schema" : "${schema}", "table" : "${table}",`));
  }

  /** By the database's clock, when the first row was about to be written. ISO 8601, UTC. */
  get at(): string {
    return this.began.toISOString();
  }

  /** Whether `inserted` can tell rows with these columns; else the database has to return them. */
  knows(table: string, written: Columns): boolean {
    return isKnown(this.columns(table), written);
  }

  inserted(table: string, rows: readonly Row[]): void {
    const [columns, key] = [this.columns(table), this.key(table)];
    for (const row of rows) this.changes.push(new InsertedRow(table, this, row, columns, key));
  }

  /** @param records the rows as `row_to_json` shows them, in UTC */
  returned(table: string, type: RowChange['type'], records: readonly JsonRow[]): void {
    const key = this.key(table);
    for (const record of records) this.changes.push(new ReturnedRow(table, this, type, record, key));
  }

  /** Before its first row. */
  async begin(client: pg.Client): Promise<void> {
    this.began = await this.mark(client, 'begun');
  }

  /** After its last row. */
  async end(client: pg.Client): Promise<void> {
    await this.mark(client, 'ended');
  }

  /** To be called before it is committed: should the answer be lost, the database still says whether it was. */
  expect(): void {
    this.own.expect(this);
  }

  private async mark(client: pg.Client, is: OwnMark['is']): Promise<Date> {
    const mark: OwnMark = { schema: this.own.followed.schema, own: this.own.id, number: this.number, is };
    const text = 'select clock_timestamp() as at, pg_notify($1, $2)';
    const values = [CHANNEL, JSON.stringify(mark)];
    const { rows } = await client.query<{ at: Date }>({ name: 'mark-own-rows', text, values });
    return rows[0]!.at;
  }

  private columns(table: string): readonly TableColumn[] {
    return this.own.followed.columns.get(table) ?? [];
  }

  private key(table: string): readonly string[] {
    return this.own.followed.keys.get(table) ?? [];
  }
}

type OwnLimits = Readonly<{
  /** Changes of transactions of whose commit the database has not said anything yet. With more of them the oldest are given up. */
  waiting: number;
}>;

/**
 * Where the session that writes the read tables here and the connection that listens here meet.
 *
 * A transaction announces two marks, before its first row and after its last. The database delivers announcements in the order of
 * the commits, with those of other sessions in between, and those of what was rolled back never: so the marks say when
 * rows are committed, and behind what, also where nobody has heard the answer to the commit.
 */
export class OwnTransactions {
  readonly interests = new Interests();
  followed: FollowedTables = { schema: '', columns: new Map(), keys: new Map() };
  /** In the order in which they were begun, which is that of their commits: one session writes at a time. */
  private readonly expected = new Map<number, OwnTransaction>();
  private waiting = 0;
  private begun = 0;
  private current: OwnTransaction | null = null;
  private onMissed: (why: string) => void = () => undefined;

  /** @param id of this process, among all that write to the database */
  constructor(
    readonly id: string,
    private readonly limits: OwnLimits,
  ) {}

  writer(client: pg.Client, lost: AbortSignal): OwnWriter {
    return new OwnWriter(this, client, lost);
  }

  /** Of the connection that listens. @param missed changes may have been made of which nobody has heard */
  follow(tables: FollowedTables, missed: (why: string) => void): void {
    this.followed = tables;
    this.onMissed = missed;
  }

  /** The connection that listened is gone: its successor does not hear of what was written before. */
  forget(): void {
    this.expected.clear();
    [this.waiting, this.current] = [0, null];
  }

  next(tables: ReadonlySet<string>, late: boolean): OwnTransaction {
    this.begun += 1;
    return new OwnTransaction(this.begun, tables, late, this);
  }

  expect(transaction: OwnTransaction): void {
    this.expected.set(transaction.number, transaction);
    this.waiting += transaction.changes.length;
    for (const [number] of this.expected) if (this.waiting > this.limits.waiting) this.drop(number);
  }

  /** Whether a change that comes between two marks is one of those that are told at the second. */
  covers(table: string): boolean {
    return this.current?.tells(table) ?? false;
  }

  /** The same, often, from how it begins: where other instances listen too, each row is announced whole. */
  coversAtSight(payload: string): boolean {
    return this.current?.beginnings.some((beginning) => payload.startsWith(beginning)) ?? false;
  }

  /** @returns what is committed with this mark; null: something, and it is not known what */
  take({ own, number, is }: OwnMark): readonly AnnouncedChange[] | null {
    if (own !== this.id) return [];
    const transaction = this.expected.get(number);
    // What was begun earlier and has not come was never committed.
    for (const [earlier] of this.expected) if (earlier < number) this.drop(earlier);
    this.current = is === 'begun' ? (transaction ?? null) : null;
    if (is === 'begun') return [];
    this.drop(number);
    return transaction && !transaction.isIncomplete ? transaction.changes : null;
  }

  /** The session that wrote is gone, and its locks with it: others may have written since, and announced nothing. */
  async writerLost(tables: ReadonlySet<string>): Promise<void> {
    if (tables.size === 0) return;
    await this.interests.handedBack(tables);
    this.onMissed('The session that writes the read tables was lost');
  }

  private drop(number: number): void {
    this.waiting -= this.expected.get(number)?.changes.length ?? 0;
    this.expected.delete(number);
  }
}

/**
 * What one session tells of its transactions. It takes over the locks of the tables that are followed here: a trigger gets
 * a lock that its own session holds, so it announces rows only where other instances hold the lock too.
 */
export class OwnWriter {
  private readonly held = new Set<string>();

  constructor(
    private readonly own: OwnTransactions,
    private readonly client: pg.Client,
    private readonly lost: AbortSignal,
  ) {
    lost.addEventListener('abort', () => void this.own.writerLost(this.taken()), { once: true });
  }

  /**
   * Outside of any transaction.
   * @param changed the tables that the next one changes
   * @returns null where nobody follows them here
   */
  async next(changed: readonly string[], late: boolean): Promise<OwnTransaction | null> {
    const { own, client, held } = this;
    const { schema } = own.followed;
    const wanted = new Set(own.interests.begun);
    for (const table of [...held].filter((table) => !wanted.has(table))) {
      held.delete(table);
      await askForLock(client, 'pg_advisory_unlock_shared', schema, table);
    }
    for (const table of [...wanted].filter((table) => !held.has(table)))
      if (await askForLock(client, 'pg_try_advisory_lock_shared', schema, table)) held.add(table);
    // Lost meanwhile: its locks are gone, and nothing that it writes will be committed.
    if (this.lost.aborted) return null;
    own.interests.takenOver(held);
    return changed.some((table) => held.has(table)) ? own.next(new Set(held), late) : null;
  }

  /** Before the session is closed: the connection that listens has the locks by then, and nobody has missed anything. */
  async close(): Promise<void> {
    const { own, client } = this;
    const taken = this.taken();
    await own.interests.handedBack(taken);
    for (const table of taken) {
      const isHeld = await askForLock(client, 'pg_advisory_unlock_shared', own.followed.schema, table).catch(
        () => false,
      );
      if (!isHeld) return own.writerLost(taken);
    }
  }

  private taken(): ReadonlySet<string> {
    const taken = new Set(this.held);
    this.held.clear();
    return taken;
  }
}
