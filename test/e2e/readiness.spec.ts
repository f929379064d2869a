/** An instance that cannot write, or whose history is no longer signed, is not ready; an idle instance is ready and leaves no trace. */
import pg from 'pg';
import { eventually } from '../support/eventually.js';
import { startTestApp, type TestApp } from './support/test-app.js';

const AUDIT_LEADER_LOCK = '7205113081';
/** The fewest connections with which a process that runs its own event node can work. */
const MAX_CONNECTIONS = 16;
const PATIENT = { deadlineMs: 60_000 };

let app: TestApp;
let database: pg.Client;
beforeAll(async () => {
  const quick = { HEALTH_PROBE_MS: '100', HEALTH_STALLED_MS: '1000', AUDIT_CHECKPOINT_MS: '100' };
  const limits = { DATABASE_POOL_SIZE: '50', DATABASE_MAX_CONNECTIONS: String(MAX_CONNECTIONS) };
  app = await startTestApp({ ...quick, ...limits, WORKER_HEARTBEAT_MS: '1000', WORKER_TIMEOUT_MS: '60000' });
  database = new pg.Client({ connectionString: app.databaseUrl });
  await database.connect();
});
afterAll(async () => {
  await database.end();
  await app.close();
});

type Check = Readonly<{ ok: boolean; detail?: string }>;

const readiness = async () => {
  const response = await fetch(`${app.server.url}/health/ready`);
  const body = (await response.json()) as { data?: object; error?: { details: object } };
  const { checks } = (body.data ?? body.error?.details) as { checks: Record<string, Check> };
  const failing = Object.keys(checks).filter((name) => !checks[name]!.ok);
  return { status: response.status, checks, failing };
};
const becomes = (status: number, failing: readonly string[]) =>
  eventually(async () => expect(await readiness()).toMatchObject({ status, failing }), PATIENT);

const metric = async (name: string): Promise<number> => {
  const text = await (await fetch(`${app.server.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
};
const rows = async (sql: string) => (await database.query(sql)).rows as Record<string, string>[];

const start = () =>
  fetch(`${app.server.url}/api/v1/workflow/start`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ project_id: 'metformin', document_type: 'ib', triggered_by: 'ann', auto_execute: false }),
  });

/** What Postgres answers when its disk is full. */
const FULL = `create or replace function full_disk() returns trigger language plpgsql as $$ begin
  raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$`;
const fill = (table: string) =>
  database.query(`${FULL}; create trigger full_disk before insert on ${table} execute function full_disk()`);
const empty = (table: string) => database.query(`drop trigger full_disk on ${table}`);

test('an instance under load opens no more connections than DATABASE_MAX_CONNECTIONS', async () => {
  await becomes(200, []);
  let most = 0;
  const ask = () => fetch(`${app.server.url}/api/v1/workflow/executions`).then(({ status }) => status);
  const load = async () => {
    for (let round = 0; round < 5; round++)
      expect(await Promise.all(Array.from({ length: 20 }, ask))).not.toContain(500);
  };
  const count = async () => {
    const [open] = await rows(
      `select count(*) as connections from pg_stat_activity where datname = current_database()
         and backend_type = 'client backend' and pid <> pg_backend_pid()`,
    );
    most = Math.max(most, Number(open!.connections));
  };
  let isOver = false;
  const loaded = load().finally(() => (isOver = true));
  while (!isOver) await count();
  await loaded;
  expect(most).toBeGreaterThanOrEqual(8);
  expect(most).toBeLessThanOrEqual(MAX_CONNECTIONS);
});

test('an idle instance is ready, and its probes leave no event in the log and no row in the database', async () => {
  await becomes(200, []);
  const before = await rows('select count(*) as events, max(position) as last from eventstore.events');
  const [written] = await rows(`select n_tup_ins as rows from pg_stat_user_tables where relname = 'events'`);
  await eventually(async () => {
    const [now] = await rows(`select n_tup_ins as rows from pg_stat_user_tables where relname = 'events'`);
    expect(Number(now!.rows)).toBeGreaterThan(Number(written!.rows) + 5);
  }, PATIENT);
  expect(await rows('select count(*) as events, max(position) as last from eventstore.events')).toEqual(before);
  expect(await rows(`select id from workers where id like 'health-probe%'`)).toEqual([]);
  expect(await metric('workflow_executor_log_last_append_age_seconds')).toBeLessThan(30);
  expect(await metric('workflow_executor_database_last_write_age_seconds')).toBeLessThan(30);
  expect(await metric('workflow_executor_vital_sign_ok{sign="log_write"}')).toBe(1);
});

test('an instance is not ready while the log has no room for an event', async () => {
  await fill('eventstore.events');
  await becomes(503, ['log_write']);
  expect(await metric('workflow_executor_vital_sign_ok{sign="log_write"}')).toBe(0);
  expect((await start()).status).toBe(503);
  await empty('eventstore.events');
  await becomes(200, []);
});

test('an instance is not ready while the database takes no row', async () => {
  await fill('workers');
  await becomes(503, ['database_write']);
  await empty('workers');
  await becomes(200, []);
});

test('an instance is not ready while new events stay unsigned', async () => {
  // This session holds the leader's lock and signs nothing.
  await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'workflow-executor-audit' and datname = current_database()`,
  );
  await database.query('select pg_advisory_lock($1)', [AUDIT_LEADER_LOCK]);
  expect((await start()).status).toBe(201);
  await becomes(503, ['signing']);
  expect((await readiness()).checks['signing']?.detail).toMatch(/an event waits for \d+ s$/);
  await database.query('select pg_advisory_unlock($1)', [AUDIT_LEADER_LOCK]);
  await becomes(200, []);
  expect(await metric('workflow_executor_audit_last_signature_age_seconds')).toBeLessThan(30);
});

test('an instance is not ready while the database is read-only', async () => {
  const name = new URL(app.databaseUrl).pathname.slice(1);
  const others = `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and pid <> pg_backend_pid()`;
  await database.query(`alter database ${name} set default_transaction_read_only = on`);
  await database.query(others);
  await eventually(async () => {
    const { status, failing } = await readiness();
    expect({ status, failing }).toMatchObject({
      status: 503,
      failing: expect.arrayContaining(['log_write', 'database_write']),
    });
  }, PATIENT);
  await database.query(`alter database ${name} reset default_transaction_read_only`);
  await database.query(others);
  await becomes(200, []);
});
