import type pg from 'pg';
import type { Interest } from '../../../application/live/row-changes.js';
import { LISTENERS } from './announcement.js';

type Held = { count: number; begun: Promise<void> };
type Holder = Readonly<{ client: pg.Client; schema: string }>;

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
    for (const [table, held] of this.tables) held.begun = this.ask('lock', table);
    await Promise.all([...this.tables.values()].map(({ begun }) => begun));
  }

  /** The connection is gone, and its locks with it. */
  lost(): void {
    this.holder = null;
  }

  private raise(table: string): Promise<void> {
    const held = this.tables.get(table) ?? { count: 0, begun: this.ask('lock', table) };
    held.count += 1;
    this.tables.set(table, held);
    return held.begun;
  }

  private lower(table: string): void {
    const held = this.tables.get(table);
    if (!held || --held.count > 0) return;
    this.tables.delete(table);
    void this.ask('unlock', table);
  }

  private async ask(what: 'lock' | 'unlock', table: string): Promise<void> {
    if (!this.holder) return;
    const { client, schema } = this.holder;
    await client
      .query(`select pg_advisory_${what}_shared($1::integer, hashtext($2))`, [LISTENERS, `${schema}.${table}`])
      // The connection ends, or has not answered in time: a new one takes its place.
      .catch(() => client.end().catch(() => undefined));
  }
}
