import { createDataSource, migrate } from '../../../src/infrastructure/postgres/data-source.js';
import { migrations } from '../../../src/infrastructure/postgres/migrations/index.js';
import { createTestDatabase, EMPTY, type TestDatabase } from '../../support/postgres.js';

let database: TestDatabase;
beforeEach(async () => (database = await createTestDatabase(EMPTY)));
afterEach(() => database.drop());

const open = (more: object = {}) => createDataSource({ url: database.url, poolSize: 2, ...more });

test('instances that start at once migrate one after the other, and once', async () => {
  const instances = await Promise.all(Array.from({ length: 4 }, () => open()));
  const applied: { name: string }[] = await instances[0]!.query('select name from migrations order by id');
  expect(applied.map(({ name }) => name)).toEqual(migrations.map(({ name }) => name));
  await Promise.all(instances.map((instance) => instance.destroy()));
});

test('with one connection in the pool it migrates as well', async () => {
  const dataSource = await open({ poolSize: 1 });
  await migrate(dataSource);
  await dataSource.destroy();
});

test('the migrations make exactly what the entities say', async () => {
  const dataSource = await open();
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  // Indexes that are partial or sorted are not described by the entities.
  const differences = upQueries.map(({ query }) => query).filter((query) => !/^DROP INDEX/.test(query));
  expect(differences).toEqual([]);
  await dataSource.destroy();
});

test('each migration can be taken back', async () => {
  const dataSource = await open();
  for (const _ of migrations) await dataSource.undoLastMigration();
  const left = await dataSource.query(`select tablename from pg_tables where schemaname = 'public'`);
  expect(left).toEqual([{ tablename: 'migrations' }]);
  await dataSource.destroy();
});

test('a migration waits no longer than its caller allows', async () => {
  const [holder, other] = [await open(), await open()];
  const queryRunner = holder.createQueryRunner();
  await queryRunner.query('select pg_advisory_lock($1)', ['7205113002']);
  await expect(migrate(other, 50)).rejects.toThrow(/lock timeout/);
  await queryRunner.query('select pg_advisory_unlock($1)', ['7205113002']);
  await migrate(other, 50);
  await queryRunner.release();
  await Promise.all([holder.destroy(), other.destroy()]);
});

test('settings hold for every connection, after a migration too', async () => {
  const dataSource = await open({ poolSize: 1, statementTimeoutMs: 1_234, applicationName: 'test-app' });
  const [settings] = await dataSource.query(
    `select current_setting('statement_timeout') as timeout, current_setting('lock_timeout') as lock,
     current_setting('application_name') as name`,
  );
  expect(settings).toEqual({ timeout: '1234ms', lock: '0', name: 'test-app' });
  await expect(dataSource.query('select pg_sleep(5)')).rejects.toThrow(/statement timeout/);
  await dataSource.destroy();
});

test.each([
  ['no URL', 'host=db password=hunter2'],
  ['another server', 'mysql://app:hunter2@db/x'],
  ['no server there', 'postgres://app:hunter2@127.0.0.1:1/x'],
])('an error does not show the password: %s', async (_, url) => {
  const error: unknown = await createDataSource({ url, poolSize: 1 }).catch((thrown: unknown) => thrown);
  expect((error as Error).message).toMatch(/expected postgres|ECONNREFUSED/);
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + String((error as Error).stack)).not.toContain(
    'hunter2',
  );
});
