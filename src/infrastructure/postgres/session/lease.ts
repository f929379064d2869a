/** The one kind of lease: an advisory lock of Postgres, and the connection that holds it and does the leader's work. */
import type pg from 'pg';
import type { DataSource } from 'typeorm';
import type { Lease } from '../../../application/runtime/leadership.js';
import { ownClient, setTimes } from './pg-client.js';
import { SessionLock, SessionsAreShared } from './session-lock.js';

export type LeaseLimits = Readonly<{
  connectTimeoutMs: number;
  /** After which a statement counts as failed and its connection as lost. */
  statementTimeoutMs: number;
  /** A holder that the database has not heard of for longer loses its connection, and another may take the lock. */
  silenceMs: number;
}>;

export const DEFAULT_LEASE_LIMITS: LeaseLimits = {
  connectTimeoutMs: 10_000,
  statementTimeoutMs: 60_000,
  silenceMs: 8_000,
};

type LeaseOptions = Readonly<{
  /** Of the advisory lock. */
  key: string;
  /** What the server shows for the connection. */
  name: string;
  pipeline?: boolean;
  /** The database does not end the connection after a silence. */
  mayBeSilent?: boolean;
}>;

/**
 * A connection whose lock is a right: when it is gone, so are the lock and the transaction under way. It does one piece of work
 * at a time. The database ends it after a silence, so it sends a sign of life now and then.
 */
export class HeldConnection implements Lease {
  private readonly ending = new AbortController();
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private isBeating = false;
  private lock: SessionLock | null = null;
  /** Aborted when the connection is gone, and the right with it. */
  readonly lost: AbortSignal = this.ending.signal;

  /** @param beatMs between two signs of life */
  constructor(
    readonly client: pg.Client,
    beatMs: number,
  ) {
    client.on('error', () => this.ending.abort());
    client.on('end', () => this.ending.abort());
    const heart = setInterval(() => void this.beat(), beatMs);
    heart.unref();
    this.lost.addEventListener('abort', () => clearInterval(heart), { once: true });
  }

  /** From then on each sign of life asks whether the lock is still this session's. @returns false where another session has it */
  async tryLock(key: string): Promise<boolean> {
    this.lock = await SessionLock.tryTake(this.client, key);
    return this.lock !== null;
  }

  /** After all work that was begun before. */
  async inTurn<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    this.waiting += 1;
    const turn = this.last.then(() => work(this.client));
    this.last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.waiting -= 1;
    }
  }

  /** Work is a sign of life too, but not of the lock: a session that a pooler has given to another client answers as well. */
  private async beat(): Promise<void> {
    const { lock } = this;
    if (this.isBeating || (!lock && this.waiting > 0)) return;
    this.isBeating = true;
    try {
      await this.inTurn(async (client) => void (await (lock ? lock.check() : client.query('select'))));
    } catch (error) {
      if (error instanceof SessionsAreShared) await this.close();
    } finally {
      this.isBeating = false;
    }
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.client.end().catch(() => undefined);
  }
}

/**
 * Connects, and takes the lock.
 * @returns null, with the connection closed, while another session has it
 */
export const tryLease = async (
  dataSource: DataSource,
  { key, name, pipeline = false, mayBeSilent = false }: LeaseOptions,
  { connectTimeoutMs, statementTimeoutMs, silenceMs }: LeaseLimits,
): Promise<HeldConnection | null> => {
  const [connectionTimeoutMillis, query_timeout] = [connectTimeoutMs, statementTimeoutMs + 1_000];
  const client = ownClient(dataSource, name, { connectionTimeoutMillis, query_timeout, pipeline });
  const held = new HeldConnection(client, silenceMs / 4);
  try {
    await client.connect();
    const ends = mayBeSilent ? {} : { idleInTransaction: silenceMs, idle: silenceMs };
    await setTimes(client, { statement: statementTimeoutMs, ...ends });
    if (await held.tryLock(key)) return held;
  } catch (error) {
    await held.close();
    throw error;
  }
  await held.close();
  return null;
};
