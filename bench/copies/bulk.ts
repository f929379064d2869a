/** Connections that write much at once, and a server that is set for it meanwhile. */
import { statfs } from 'node:fs/promises';
import type pg from 'pg';
import { withDatabase } from '../application/engine.js';

/** For the copying alone: fewer checkpoints, and no vacuum beside the one that is asked for. */
const WAL_GIGABYTES = 4;
const SERVER = { max_wal_size: `${WAL_GIGABYTES}GB`, autovacuum: 'off' };

/**
 * Of a connection. `replica`: no triggers, which would gather each row for listeners that there are not. The loss of a
 * commit does not matter, as a bench that is broken off begins anew.
 */
const SESSION = [
  `set session_replication_role = replica`,
  `set synchronous_commit = off`,
  `set temp_buffers = '64MB'`,
  `set work_mem = '256MB'`,
  `set vacuum_buffer_usage_limit = 0`,
  `set jit = off`,
];

export const withBulkClient = <Result>(databaseUrl: string, work: (client: pg.Client) => Promise<Result>) =>
  withDatabase(databaseUrl, async (client) => {
    for (const setting of SESSION) await client.query(setting);
    return work(client);
  });

/** So many times at the same time, each with a connection. Afterwards the server is set as before, and has nothing left to write. */
export const inBulk = (databaseUrl: string, connections: number, work: (client: pg.Client) => Promise<void>) =>
  withBulkClient(databaseUrl, async (client) => {
    for (const [name, value] of Object.entries(SERVER)) await client.query(`alter system set ${name} = '${value}'`);
    await client.query('select pg_reload_conf()');
    try {
      await Promise.all(Array.from({ length: connections }, () => withBulkClient(databaseUrl, work)));
    } finally {
      for (const name of Object.keys(SERVER)) await client.query(`alter system reset ${name}`);
      await client.query('select pg_reload_conf()');
    }
    await client.query('checkpoint');
  });

const GIGABYTE = 2 ** 30;

/** @param part of the copies that is written. @throws where the disk has no room for the rest, before it is full for all others */
export const mustFit = async (client: pg.Client, part: number): Promise<void> => {
  const { rows } = await client.query<{ bytes: string; directory: string }>(
    `select pg_database_size(current_database()) as bytes, current_setting('data_directory') as directory`,
  );
  const { bytes, directory } = rows[0]!;
  const whole = Number(bytes) / part;
  const { bavail, bsize } = await statfs(directory);
  const [missing, free] = [whole - Number(bytes) + WAL_GIGABYTES * GIGABYTE, bavail * bsize];
  const told = (value: number) => `${(value / GIGABYTE).toFixed(0)} GB`;
  if (missing > free)
    throw new Error(
      `All copies would take ${told(whole)}: ${told(missing)} more, with the WAL, and ${told(free)} are free`,
    );
};
