import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** Where `global-setup.ts` leaves the connection string of the run's Postgres. */
export const TEST_POSTGRES_URL = 'TEST_POSTGRES_URL';

export type TestDatabase = Readonly<{ url: string; drop(): Promise<void> }>;

/**
 * A fresh, empty database in the Postgres of this test run.
 * @param options of `create database`
 */
export async function createTestDatabase(options = ''): Promise<TestDatabase> {
  const server = process.env[TEST_POSTGRES_URL];
  if (!server) throw new Error(`${TEST_POSTGRES_URL} is not set: run through Jest, whose globalSetup starts Postgres`);
  const name = `test_${randomBytes(8).toString('hex')}`;
  await query(server, `create database ${name} ${options}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => query(server, `drop database if exists ${name} with (force)`) };
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
