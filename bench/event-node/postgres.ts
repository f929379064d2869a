/** A Postgres for the bench alone, with its default durability, and databases in it. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/infrastructure/embedded-postgres/embedded-postgres.js';

export type BenchPostgres = Readonly<{
  /** Makes a database and answers its connection string. */
  database(name: string): Promise<string>;
  /** Ends the connections that it still has. */
  drop(name: string): Promise<void>;
  version: string;
  /** Of the postmaster, whose children are all other processes of it. */
  pid: number;
  stop(): Promise<void>;
}>;

export async function startPostgres(): Promise<BenchPostgres> {
  const dataDir = await mkdtemp(join(tmpdir(), 'workflow-executor-bench-'));
  const server = await startEmbeddedPostgres({ dataDir, tcp: true });
  const client = new pg.Client({ connectionString: server.superuserUrl });
  await client.connect();
  const { rows } = await client.query<{ server_version: string }>('show server_version');
  // Benches that store much at once set parameters of the server meanwhile.
  await client.query(`alter role ${client.escapeIdentifier(new URL(server.url).username)} superuser`);
  const { rows: places } = await client.query<{ data_directory: string }>('show data_directory');
  const pidFile = await readFile(join(places[0]!.data_directory, 'postmaster.pid'), 'utf8');
  return {
    pid: Number.parseInt(pidFile, 10),
    version: rows[0]?.server_version ?? 'unknown',
    database: async (name) => {
      const url = new URL(server.url);
      await client.query(`create database ${client.escapeIdentifier(name)} owner ${url.username}`);
      url.searchParams.delete('require_auth'); // not every driver knows it
      url.pathname = `/${name}`;
      return url.href;
    },
    drop: async (name) => {
      await client.query(`drop database ${client.escapeIdentifier(name)} with (force)`);
      await client.query('checkpoint'); // the next bench does not write what this bench has left
    },
    stop: async () => {
      await client.end();
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
