/** Databases of their own for tests, in a Postgres that all tests of a run share. The first that asks for one starts it. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { eventually } from './eventually.js';

/** Where `global-setup.mjs` has this run's Postgres be. */
const TEST_POSTGRES_DIR = 'TEST_POSTGRES_DIR';
/** Or the connection strings of one that runs already: the application's role, and the superuser. */
export const TEST_POSTGRES_URL = 'TEST_POSTGRES_URL';
export const TEST_POSTGRES_SUPERUSER_URL = 'TEST_POSTGRES_SUPERUSER_URL';

export type TestDatabase = Readonly<{
  url: string;
  /** For statements that the application itself never runs. */
  superuserUrl: string;
  drop(): Promise<void>;
}>;

type Server = Readonly<{ url: string; superuserUrl: string; stop(): Promise<void> }>;

/** Ordinary tests ask for speed; those of durability start a server of their own. By TCP: tests put proxies in front of it. */
const OPTIONS = {
  settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' },
  tcp: true,
};
/** A database with all migrations: its copies spare each test what they take. */
const MIGRATED = 'test_migrated';
/** Copied by the file: much cheaper than by the log, for databases as small as these. */
const COPY = 'strategy file_copy template';
/** Without a table. */
export const EMPTY = `${COPY} template1`;

/**
 * A fresh database, of the role that an embedded Postgres gives the application.
 * @param options of `create database`; by default it is up to date with all migrations
 */
export async function createTestDatabase(options = `${COPY} ${MIGRATED}`): Promise<TestDatabase> {
  const { url: server, superuserUrl: superuser } = await testServer();
  const name = `test_${randomBytes(8).toString('hex')}`;
  await query(superuser, `create database ${name} owner ${new URL(server).username} ${options}`);
  const [url, superuserUrl] = [server, superuser].map((each) => inDatabase(each, name));
  const drop = () => query(superuser, `drop database if exists ${name} with (force)`);
  return { url: url!, superuserUrl: superuserUrl!, drop };
}

const inDatabase = (url: string, name: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).href;

let server: Promise<Server> | undefined;
const testServer = (): Promise<Server> => (server ??= findServer());

/** Ends this process's use of the server, which ends the server where no other process uses it. */
export const leaveTestServer = async (): Promise<void> => (await server)?.stop();

async function findServer(): Promise<Server> {
  const { [TEST_POSTGRES_URL]: url, [TEST_POSTGRES_SUPERUSER_URL]: superuserUrl } = process.env;
  if (url && superuserUrl) {
    await provideTemplate(url, superuserUrl);
    return { url, superuserUrl, stop: async () => undefined };
  }
  const dataDir = process.env[TEST_POSTGRES_DIR];
  if (!dataDir) throw new Error(`${TEST_POSTGRES_DIR} is not set: run through Jest, whose globalSetup sets it`);
  const { startEmbeddedPostgres } = await import('../../src/infrastructure/embedded-postgres/embedded-postgres.js');
  const ready = path.join(dataDir, 'ready');
  const isFirst = await mkdir(dataDir).then(
    () => true,
    () => false,
  );
  if (!isFirst) await eventually(() => existsSync(ready), { deadlineMs: 120_000 });
  const started = await startEmbeddedPostgres({ ...OPTIONS, dataDir });
  if (!isFirst) return started;
  await provideTemplate(started.url, started.superuserUrl);
  await writeFile(ready, '');
  return started;
}

async function provideTemplate(url: string, superuserUrl: string): Promise<void> {
  const { createDataSource } = await import('../../src/infrastructure/postgres/data-source.js');
  await query(superuserUrl, `create database ${MIGRATED} owner ${new URL(url).username} ${EMPTY}`);
  const dataSource = await createDataSource({ url: inDatabase(url, MIGRATED), poolSize: 1 });
  await dataSource.destroy();
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
