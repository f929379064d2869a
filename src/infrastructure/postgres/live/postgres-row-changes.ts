import type { DataSource } from 'typeorm';
import type pg from 'pg';
import type { OnError } from '../../../application/runtime/errors.js';
import { sleep, type Clock } from '../../../application/runtime/clock.js';
import {
  RowChanges,
  type ChangeListener,
  type Interest,
  type RowChange,
  type TableColumn,
} from '../../../application/live/row-changes.js';
import { ownClient } from '../session/pg-client.js';
import { announcementOf, CHANNEL, changeOf, type AnnouncedChange, readAnnounced } from './announcement.js';
import { type FollowedTables, OwnTransactions } from './own-transactions.js';

/**
 * The server keeps each announcement until every listener has taken it, in a queue that can fill up, and then refuses the
 * commits that would tell more. A listener that stands still is ended before that: when it goes on, it listens anew.
 */
export const endStuckListeners = async (client: pg.Client, name: string, share: number): Promise<void> => {
  const { rows } = await client.query<{ taken: number }>('select pg_notification_queue_usage() as taken');
  if ((rows[0]?.taken ?? 0) < share) return;
  await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = $1 and datname = current_database() and pid <> pg_backend_pid()
       and wait_event = 'ClientWrite'`,
    [name],
  );
};

type ColumnRow = Readonly<{ schema: string; table: string; name: string; type: string; is_key: boolean }>;

/** The tables that announce their changes, as the catalogue says they are. */
const followedTables = async (dataSource: DataSource): Promise<FollowedTables> => {
  const rows = await dataSource.query<ColumnRow[]>(
    `select nspname as schema, relname as table, attname as name, typname as type,
       exists (select from pg_index where indrelid = pg_class.oid and indisprimary and attnum = any(indkey)) as is_key
     from pg_class
     join pg_namespace on pg_namespace.oid = relnamespace
     join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
     join pg_type on pg_type.oid = atttypid
     where nspname = current_schema()
       and exists (select from pg_trigger where tgrelid = pg_class.oid and tgname = 'announce_insert')
     order by relname, attnum`,
  );
  const tables = new Set(rows.map(({ table }) => table));
  const each = <T>(of: (rows: readonly ColumnRow[]) => T) =>
    new Map([...tables].map((name) => [name, of(rows.filter(({ table }) => table === name))]));
  return {
    schema: rows[0]?.schema ?? '',
    columns: each((its) => its.map(({ name, type }) => ({ name, type }))),
    keys: each((its) => its.filter(({ is_key }) => is_key).map(({ name }) => name)),
  };
};

export type RowChangesLimits = Readonly<{
  /** Changes that wait for rows to be read. With more of them, all are given up and the listeners have to read again. */
  waiting: number;
  /** Changes whose rows are read at a time. */
  readBatch: number;
  connectTimeoutMs: number;
  /** Between two tries to listen. */
  pauseMs: number;
  /** Between two signs of life, which also find a connection that died without a word. */
  beatMs: number;
  /** How much of the server's queue may be taken, from 0 to 1, before listeners that take nothing are ended. */
  queueShare: number;
}>;

export const DEFAULT_ROW_CHANGES_LIMITS: RowChangesLimits = {
  waiting: 10_000,
  readBatch: 200,
  connectTimeoutMs: 10_000,
  pauseMs: 500,
  beatMs: 5_000,
  queueShare: 0.25,
};

/** One connection that listens, for all that follow. (Needs a session: not behind a transaction pooler.) */
export class PostgresRowChanges extends RowChanges {
  private readonly listeners = new Set<ChangeListener>();
  private readonly ending = new AbortController();
  private loop: Promise<void> = Promise.resolve();
  private waiting: AnnouncedChange[] = [];
  private reading = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly limits: RowChangesLimits,
    private readonly onError: OnError,
    /** What this process writes itself. */
    private readonly own: OwnTransactions = new OwnTransactions('', limits),
  ) {
    super();
  }

  /** Resolves when changes reach the listeners. */
  async start(): Promise<void> {
    this.own.follow(await followedTables(this.dataSource), (why) => this.miss(why));
    const first = await this.listen();
    this.loop = this.keepListening(first);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.loop;
  }

  tables(): ReadonlyMap<string, readonly TableColumn[]> {
    return this.own.followed.columns;
  }

  follow(listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  interest(tables: readonly string[]): Interest {
    return this.own.interests.add(tables);
  }

  private async keepListening(first: Listening): Promise<void> {
    const { signal } = this.ending;
    let listening: Listening | null = first;
    while (!signal.aborted) {
      try {
        if (!listening) {
          listening = await this.listen();
          this.miss('The connection to the database was lost for a while');
        }
        await listening.lost(signal);
      } catch (error) {
        if (!signal.aborted) this.onError('Changes of the read tables cannot be followed; trying again', error);
      }
      await listening?.close();
      listening = null;
      await sleep(this.clock, this.limits.pauseMs, signal);
    }
  }

  private async listen(): Promise<Listening> {
    const { connectTimeoutMs, beatMs, queueShare } = this.limits;
    const client = ownClient(this.dataSource, LISTENER_NAME, {
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: connectTimeoutMs,
      pipeline: true,
    });
    const ended = new AbortController();
    client.on('error', () => ended.abort());
    client.on('end', () => ended.abort());
    client.on('notification', ({ payload = '' }) => this.take(payload));
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
      await this.own.interests.heldBy(client, this.own.followed.schema);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    const beat = () => endStuckListeners(client, LISTENER_NAME, queueShare);
    return {
      lost: async (signal) => {
        const over = AbortSignal.any([signal, ended.signal]);
        while (!over.aborted) {
          await sleep(this.clock, beatMs, over);
          if (!over.aborted) await beat();
        }
      },
      close: () => {
        this.own.interests.lost();
        this.own.forget();
        return client.end().catch(() => undefined);
      },
    };
  }

  private take(payload: string): void {
    if (this.own.coversAtSight(payload)) return;
    const announced = announcementOf(payload);
    if (announced?.schema !== this.own.followed.schema) return;
    if ('exchanged' in announced) return this.miss(`The table ${announced.exchanged} was exchanged`);
    if ('own' in announced) {
      const changes = this.own.take(announced);
      return changes ? this.pass(changes) : this.miss('Changes of this instance were not kept');
    }
    if (this.own.covers(announced.table)) return;
    const change = changeOf(announced, this.own.followed.keys);
    if (change) this.pass([change]);
  }

  /** What is complete goes out at once, unless something before it is still to be read. */
  private pass(changes: readonly AnnouncedChange[]): void {
    if (this.waiting.length === 0 && !this.reading && !changes.some(({ toRead }) => toRead)) return this.emit(changes);
    this.waiting.push(...changes);
    if (this.waiting.length > this.limits.waiting) {
      this.waiting = [];
      this.miss('There were more changes at once than can be kept');
    }
    if (!this.reading) void this.readWaiting();
  }

  private async readWaiting(): Promise<void> {
    this.reading = true;
    while (this.waiting.length > 0 && !this.ending.signal.aborted) {
      const some = this.waiting.splice(0, this.limits.readBatch);
      try {
        this.emit(await readAnnounced(this.dataSource, some));
      } catch (error) {
        this.onError('Rows that were announced cannot be read', error);
        this.waiting = [];
        this.miss('Changes could not be read from the database');
      }
    }
    this.reading = false;
  }

  private emit(changes: readonly RowChange[]): void {
    for (const change of changes) for (const listener of this.listeners) listener.changed(change);
  }

  private miss(why: string): void {
    for (const listener of this.listeners) listener.missed(why);
  }
}

const LISTENER_NAME = 'workflow-executor-changes';

type Listening = Readonly<{
  /** Resolves when the connection is gone or the signal is aborted; throws when a sign of life fails. */
  lost: (signal: AbortSignal) => Promise<void>;
  close: () => Promise<void>;
}>;
