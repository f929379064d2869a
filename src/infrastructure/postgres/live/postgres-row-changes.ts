import type { OnError } from '../../../application/runtime/errors.js';
import { PgClient } from '../session/pg-client.js';
import type { DataSource } from 'typeorm';
import { sleep, type Clock } from '../../../application/runtime/clock.js';
import {
  RowChanges,
  type ChangeListener,
  type Interest,
  type TableColumn,
} from '../../../application/live/row-changes.js';
import { announcementOf, CHANNEL, told, type Told } from './announcement.js';
import { endStuckListeners } from './end-stuck-listeners.js';
import { followedTables, type FollowedTables } from './followed-tables.js';
import { Interests } from './interests.js';
import { readAnnounced } from './read-announced.js';

export type RowChangesLimits = Readonly<{
  /** Changes that wait for rows to be read. With more of them, all are given up and the listeners are told to read again. */
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
  private readonly interests = new Interests();
  private followed: FollowedTables = { schema: '', columns: new Map(), keys: new Map() };
  private loop: Promise<void> = Promise.resolve();
  private waiting: Told[] = [];
  private reading = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly limits: RowChangesLimits,
    private readonly onError: OnError,
  ) {
    super();
  }

  /** Resolves when changes are told. */
  async start(): Promise<void> {
    this.followed = await followedTables(this.dataSource);
    const first = await this.listen();
    this.loop = this.keepListening(first);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.loop;
  }

  tables(): ReadonlyMap<string, readonly TableColumn[]> {
    return this.followed.columns;
  }

  follow(listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  interest(tables: readonly string[]): Interest {
    return this.interests.add(tables);
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
    const { options } = this.dataSource;
    if (options.type !== 'postgres') throw new Error(`Expected a data source of type postgres, got ${options.type}`);
    const { connectTimeoutMs, beatMs, queueShare } = this.limits;
    const client = new PgClient({
      connectionString: options.url,
      application_name: LISTENER_NAME,
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: connectTimeoutMs,
      keepAlive: true,
      pipeline: true,
    });
    const ended = new AbortController();
    client.on('error', () => ended.abort());
    client.on('end', () => ended.abort());
    client.on('notification', ({ payload = '' }) => this.take(payload));
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
      await this.interests.heldBy(client, this.followed.schema);
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
        this.interests.lost();
        return client.end().catch(() => undefined);
      },
    };
  }

  private take(payload: string): void {
    const announced = announcementOf(payload);
    if (announced?.schema !== this.followed.schema) return;
    if ('exchanged' in announced) return this.miss(`The table ${announced.exchanged} was exchanged`);
    const change = told(announced, this.followed.keys);
    if (!change) return;
    // What is complete is told at once, unless something before it is still to be read.
    if (!change.toRead && this.waiting.length === 0 && !this.reading) return this.tell([change]);
    this.waiting.push(change);
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
        this.tell(await readAnnounced(this.dataSource, some));
      } catch (error) {
        this.onError('Rows that were announced cannot be read', error);
        this.waiting = [];
        this.miss('Changes could not be read from the database');
      }
    }
    this.reading = false;
  }

  private tell(changes: readonly Parameters<ChangeListener['changed']>[0][]): void {
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
