import type pg from 'pg';
import type { Interest } from '../../../application/live/row-changes.js';
import { LISTENERS } from './announcement.js';

/** `writer`: a session of this instance holds the lock instead, see own-transactions.ts. */
type Held = { count: number; begun: Promise<void>; isBegun: boolean; by: 'listener' | 'writer' };
type Holder = Readonly<{ client: pg.Client; schema: string }>;

type LockFunction = 'pg_advisory_lock_shared' | 'pg_try_advisory_lock_shared' | 'pg_advisory_unlock_shared';

/** @returns what the function answers; a lock that is waited for answers nothing */
export const askForLock = async (
  client: Pick<pg.Client, 'query'>,
  lockFunction: LockFunction,
  schema: string,
  table: string,
): Promise<unknown> => {
  const { rows } = await client.query<{ answer: unknown }>(
    `select ${lockFunction}($1::integer, hashtext($2)) as answer`,
    [LISTENERS, `${schema}.${table}`],
  );
  return rows[0]?.answer;
};

/**
 * The tables that are to be announced: the connection that listens holds a lock for each. Without a connection nothing has to begin,
 * as its successor tells that changes were missed, once it holds them all.
 */
export class Interests {
  private readonly tables = new Map<string, Held>();
  private holder: Holder | null = null;

  add(tables: readonly string[]): Interest {
    const begun = Promise.all(tables.map((table) => this.raise(table))).then(() => undefined);
    let isOver = false;
    const end = () => {
      if (!isOver) for (const table of tables) this.lower(table);
      isOver = true;
    };
    return { begun, end };
  }

  /** From now on they are held there. Resolves when they are. */
  async heldBy(client: pg.Client, schema: string): Promise<void> {
    this.holder = { client, schema };
    await Promise.all([...this.tables.keys()].map((table) => this.lock(table)));
  }

  /** The connection is gone, and its locks with it. */
  lost(): void {
    this.holder = null;
  }

  /** Those whose locks are held, here or by a writer; none without a connection, as what a writer says would not be heard. */
  get begun(): readonly string[] {
    if (!this.holder) return [];
    return [...this.tables].flatMap(([table, { isBegun }]) => (isBegun ? [table] : []));
  }

  /** A writer of this instance holds the locks of these tables: the connection that listens needs them no longer. */
  takenOver(tables: Iterable<string>): void {
    for (const table of tables) {
      const held = this.tables.get(table);
      if (!held?.isBegun || held.by === 'writer') continue;
      held.by = 'writer';
      void this.ask('pg_advisory_unlock_shared', table);
    }
  }

  /** The writer does not hold them, or will not for long. Resolves when the connection that listens holds them again. */
  async handedBack(tables: Iterable<string>): Promise<void> {
    const back = [...tables].filter((table) => this.tables.get(table)?.by === 'writer');
    await Promise.all(back.map((table) => this.lock(table)));
  }

  private raise(table: string): Promise<void> {
    const held = this.tables.get(table);
    if (held) {
      held.count += 1;
      return held.begun;
    }
    this.tables.set(table, { count: 1, begun: Promise.resolve(), isBegun: false, by: 'listener' });
    return this.lock(table);
  }

  private lower(table: string): void {
    const held = this.tables.get(table);
    if (!held || --held.count > 0) return;
    this.tables.delete(table);
    // A writer gives its lock up by itself, before its next transaction.
    if (held.by === 'listener') void this.ask('pg_advisory_unlock_shared', table);
  }

  private lock(table: string): Promise<void> {
    const held = this.tables.get(table);
    if (!held) return Promise.resolve();
    const begun = this.ask('pg_advisory_lock_shared', table).then(() => {
      if (held.begun === begun) held.isBegun = true;
    });
    Object.assign(held, { begun, isBegun: false, by: 'listener' });
    return begun;
  }

  private async ask(lockFunction: LockFunction, table: string): Promise<void> {
    if (!this.holder) return;
    const { client, schema } = this.holder;
    // The connection ends, or has not answered in time: a new one takes its place.
    await askForLock(client, lockFunction, schema, table).catch(() => client.end().catch(() => undefined));
  }
}
