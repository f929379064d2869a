import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** Where `global-setup.ts` leaves the connection strings of the run's Postgres: the application's role, and the superuser. */
export const TEST_POSTGRES_URL = 'TEST_POSTGRES_URL';
export const TEST_POSTGRES_SUPERUSER_URL = 'TEST_POSTGRES_SUPERUSER_URL';

export type TestDatabase = Readonly<{
  url: string;
  /** For statements that the application itself never runs. */
  superuserUrl: string;
  drop(): Promise<void>;
}>;

/**
 * A fresh, empty database in the Postgres of this test run, of the role that an embedded Postgres gives the application.
 * @param options of `create database`
 */
export async function createTestDatabase(options = ''): Promise<TestDatabase> {
  const [server, superuser] = [process.env[TEST_POSTGRES_URL], process.env[TEST_POSTGRES_SUPERUSER_URL]];
  if (!server || !superuser)
    throw new Error(`${TEST_POSTGRES_URL} is not set: run through Jest, whose globalSetup starts Postgres`);
  const name = `test_${randomBytes(8).toString('hex')}`;
  await query(superuser, `create database ${name} owner ${new URL(server).username} ${options}`);
  const [url, superuserUrl] = [server, superuser].map(
    (each) => Object.assign(new URL(each), { pathname: `/${name}` }).href,
  );
  const drop = () => query(superuser, `drop database if exists ${name} with (force)`);
  return { url: url!, superuserUrl: superuserUrl!, drop };
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
