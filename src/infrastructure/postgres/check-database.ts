/** What a database has to be like, found out before anything is written to it. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { DataSource } from 'typeorm';
import { PgClient } from './session/pg-client.js';
import { SessionsAreShared } from './session/session-lock.js';

type DatabaseCheckLimits = Readonly<{
  connectTimeoutMs: number;
  /** Connections that are open at the same time, and statements of each: one after the other, then all at once. */
  connections: number;
  turns: number;
}>;

const DEFAULTS: DatabaseCheckLimits = { connectTimeoutMs: 10_000, connections: 3, turns: 3 };

type Facts = Readonly<{ encoding: string; name: string }>;

/**
 * @throws SessionsAreShared
 * @throws Error that names DATABASE_URL where its encoding is another than UTF8
 * @throws what the client says, where it cannot be reached
 */
export const checkDatabase = async (url: string, limits: DatabaseCheckLimits = DEFAULTS): Promise<void> => {
  const clients = Array.from({ length: limits.connections }, () => clientOf(url, limits));
  try {
    for (const client of clients) await client.connect();
    const { rows } = await clients[0]!.query<Facts>(
      `select current_setting('server_encoding') as encoding, current_database() as name`,
    );
    mustBeUtf8(rows[0]!);
    await mustBeSessions(clients, limits.turns);
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  }
};

const clientOf = (url: string, { connectTimeoutMs }: DatabaseCheckLimits): pg.Client => {
  const client = new PgClient({
    connectionString: url,
    application_name: 'workflow-executor-check',
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: connectTimeoutMs,
  });
  client.on('error', () => undefined); // its statements say so
  return client;
};

/** Text that another encoding cannot hold would stop the executions that it belongs to, later and one by one. */
const mustBeUtf8 = ({ encoding, name }: Facts): void => {
  if (encoding === 'UTF8') return;
  throw new Error(
    `DATABASE_URL: expected a database whose encoding is UTF8, got "${name}" with ${encoding}: ` +
      `create one with "create database ... encoding 'UTF8' template template0" and name that`,
  );
};

/** Each connection is in a session of its own, and stays there. */
const mustBeSessions = async (clients: readonly pg.Client[], turns: number): Promise<void> => {
  const seen: number[][] = clients.map(() => []);
  const ask = async (client: pg.Client, index: number) => {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid from pg_sleep(0.002)');
    seen[index]!.push(rows[0]!.pid);
  };
  for (let turn = 0; turn < turns; turn++) for (const [index, client] of clients.entries()) await ask(client, index);
  for (let turn = 0; turn < turns; turn++) await Promise.all(clients.map(ask));
  const each = seen.map((pids) => new Set(pids));
  const all = new Set(seen.flat());
  if (each.some(({ size }) => size > 1) || all.size < clients.length) throw new SessionsAreShared();
};

/** Writes a row and takes it away again in one transaction: no client sees it, and nothing grows. @throws where that cannot be done */
export const probeDatabase = (dataSource: DataSource): Promise<void> =>
  dataSource.transaction(async (manager) => {
    const id = `health-probe:${randomUUID()}`;
    await manager.query('insert into workers (id, heartbeat_at) values ($1, clock_timestamp())', [id]);
    await manager.query('delete from workers where id = $1', [id]);
  });
