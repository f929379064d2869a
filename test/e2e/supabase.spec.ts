/** A database as in a Supabase project: a publication, roles that see everything by default, an owner with limited rights. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { startServer, type Server } from '../../src/composition/server.js';
import { loadConfig } from '../../src/infrastructure/config/config.js';
import { createDataSource } from '../../src/infrastructure/postgres/data-source.js';
import { createTestDatabase, EMPTY, type TestDatabase } from '../support/postgres.js';
import { Api } from './support/api.js';

/* eslint-disable @typescript-eslint/no-explicit-any -- rows whose shape is what the tests assert */
const READ_TABLES = ['workflow_events', 'workflow_executions', 'workflow_steps'];
const OWNER = 'test_project_owner';

let database: TestDatabase;
let admin: pg.Client;
let dataDir: string;

const rowsOf = async (sql: string): Promise<any[]> => (await admin.query(sql)).rows;
const ownerUrl = () => Object.assign(new URL(database.url), { username: OWNER, password: 'owner' }).href;

/** Roles belong to the cluster, not to a database: another test may have made them. */
const makeRole = (name: string, options = '') =>
  admin.query(
    `do $$ begin create role ${name} ${options}; exception when duplicate_object or unique_violation then null; end $$`,
  );

beforeEach(async () => {
  database = await createTestDatabase(EMPTY);
  dataDir = await mkdtemp(path.join(tmpdir(), 'test-supabase-'));
  admin = new pg.Client({ connectionString: database.superuserUrl });
  await admin.connect();
  await makeRole('anon');
  await makeRole('authenticated');
  await makeRole(OWNER, `login password 'owner'`);
  await admin.query(`alter database ${new URL(database.url).pathname.slice(1)} owner to ${OWNER}`);
  await admin.query(
    `alter default privileges for role ${OWNER} in schema public grant all on tables to anon, authenticated`,
  );
});
afterEach(async () => {
  await admin.end();
  await database.drop();
  await rm(dataDir, { recursive: true, force: true });
});

const publish = (owner: string, of = '') =>
  admin.query(`create publication supabase_realtime ${of}; alter publication supabase_realtime owner to ${owner}`);

const migrated = async (): Promise<string[]> => {
  const logged: string[] = [];
  const dataSource = await createDataSource({ url: ownerUrl(), poolSize: 2, tell: (line) => logged.push(line) });
  await dataSource.destroy();
  return logged;
};

const published = async () =>
  (await rowsOf(`select tablename from pg_publication_tables where pubname = 'supabase_realtime' order by 1`)).map(
    ({ tablename }) => tablename,
  );
const policies = async () =>
  (await rowsOf('select tablename, policyname, roles::text, cmd from pg_policies order by 1')).map(
    ({ tablename, roles, cmd }) => [tablename, roles, cmd].join(' '),
  );
const unsecured = async () =>
  rowsOf(
    `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' and not relrowsecurity`,
  );

const as = async (role: string, sql: string): Promise<any[]> => {
  await admin.query(`set role ${role}`);
  try {
    return await rowsOf(sql);
  } finally {
    await admin.query('reset role');
  }
};

const withServer = async (use: (server: Server, api: Api) => Promise<void>) => {
  const env = { DATABASE_URL: ownerUrl(), DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'fatal', SHUTDOWN_GRACE_MS: '0' };
  const server = await startServer(loadConfig(env));
  try {
    await use(server, new Api(server.url));
  } finally {
    await server.stop();
  }
};

test('a start publishes the read tables; signed-in users may read them, others may not, and the application works', async () => {
  await publish(OWNER);
  let id = '';
  await withServer(async (_, api) => {
    expect(await published()).toEqual(READ_TABLES);
    id = await api.start({ project_id: 'metformin', document_type: 'ib', triggered_by: 'ann' });
    await api.reaches(id, 'completed', 60_000);
  });
  expect(await policies()).toEqual(READ_TABLES.map((table) => `${table} {authenticated} SELECT`));
  expect(await unsecured()).toEqual([]);
  expect(await as('authenticated', 'select id from workflow_executions')).toEqual([{ id }]);
  expect(await as('authenticated', 'select name from installation_secrets')).toEqual([]);
  expect(await as('anon', 'select id from workflow_executions')).toEqual([]);
  await expect(as('anon', `delete from workflow_executions returning id`)).resolves.toEqual([]);
  expect(await rowsOf('select id from workflow_executions')).toEqual([{ id }]);
}, 90_000);

test('each further start keeps the policies as they are, and as operators have changed them', async () => {
  await publish(OWNER);
  await migrated();
  const before = await policies();
  expect(await migrated()).toEqual([]);
  expect(await policies()).toEqual(before);
  await admin.query('drop policy workflows_may_be_read on workflow_events');
  await admin.query('create policy mine on workflow_steps for select to anon using (false)');
  await migrated();
  expect(await policies()).toEqual([
    'workflow_executions {authenticated} SELECT',
    'workflow_steps {anon} SELECT',
    'workflow_steps {authenticated} SELECT',
  ]);
  expect(await published()).toEqual(READ_TABLES);
});

test('the next start finds a publication that was made later', async () => {
  await migrated();
  expect(await policies()).toEqual([]);
  expect((await unsecured()).length).toBeGreaterThan(5);
  await publish(OWNER);
  await migrated();
  expect(await published()).toEqual(READ_TABLES);
  expect(await policies()).toHaveLength(3);
  expect(await unsecured()).toEqual([]);
});

test('a publication of all tables needs no change', async () => {
  await publish('current_user', 'for all tables');
  expect(await migrated()).toEqual([]);
  expect(await policies()).toHaveLength(3);
});

test('the migration logs the statements that only the owner of the publication may run', async () => {
  await publish('current_user');
  const logged = await migrated();
  expect(logged).toHaveLength(3);
  expect(logged[1]).toContain('run "alter publication supabase_realtime add table workflow_executions"');
  expect(await policies()).toHaveLength(3);
});
