/** The event log is not the one that the read tables were made of: an empty one, an older copy, another one. */
import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataSource } from 'typeorm';
import { startServer, type Server } from '../../src/composition/server.js';
import { loadConfig } from '../../src/infrastructure/config/config.js';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStore,
} from '../../src/infrastructure/embedded-eventstore/index.js';
import { createDataSource } from '../../src/infrastructure/postgres/data-source.js';
import { bundled } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startReceiver, type Receiver } from '../support/webhook-receiver.js';
import { Api } from './support/api.js';
import { startScriptedAgents } from './support/scripted-agents.js';

const program = fileURLToPath(bundled(new URL('../../dist/interfaces/cli/adopt-log.js', import.meta.url)));
const HOOKS = '/api/v1/workflow/webhooks';

let database: TestDatabase;
let dataSource: DataSource;
let node: EmbeddedEventStore;
let agents: Awaited<ReturnType<typeof startScriptedAgents>>;
let receiver: Receiver;
let server: Server;
let api: Api;
let dataDir = '';
let env: Record<string, string> = {};
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'another-log-'));
  database = await createTestDatabase();
  closers.push(() => database.drop());
  dataSource = await createDataSource({ url: database.url, poolSize: 2 });
  closers.push(() => dataSource.destroy());
  node = await startEmbeddedEventStore({ databaseUrl: database.url });
  closers.push(() => node.close());
  agents = await startScriptedAgents();
  closers.push(() => agents.close());
  receiver = await startReceiver();
  closers.push(() => receiver.close());
  env = {
    ...{ DATA_DIR: dataDir, DATABASE_URL: database.url, EVENTSTORE_URL: node.url, AGENT_BASE_URL: agents.url },
    ...{ PORT: '0', LOG_LEVEL: 'fatal', SHUTDOWN_GRACE_MS: '0', AUDIT_CHECKPOINT_MS: '100', HEALTH_PROBE_MS: '500' },
    ...{ WEBHOOK_ALLOW_PRIVATE_TARGETS: 'true', WEBHOOK_FIRST_RETRY_MS: '20', SAGA_SWEEP_INTERVAL_MS: '100' },
  };
  await startInstance();
}, 60_000);
afterAll(async () => {
  for (const close of closers.reverse()) await close();
  await rm(dataDir, { recursive: true });
}, 60_000);

const startInstance = async () => {
  server = await startServer(loadConfig(env));
  closers.push(() => server.stop());
  api = new Api(server.url);
};

const sql = <Row = Record<string, string>>(text: string, values: unknown[] = []): Promise<Row[]> =>
  dataSource.query(text, values);
const one = async <Row = Record<string, string>>(text: string, values: unknown[] = []): Promise<Row> =>
  (await sql<Row>(text, values))[0]!;
const start = (project: string) => api.start({ project_id: project, document_type: 'ib' });
const completed = async (project: string) => {
  const id = await start(project);
  await api.reaches(id, 'completed');
  return id;
};

/** At the same address, under the same credentials, another log. */
const exchange = async (...statements: readonly string[]) => {
  const port = Number(new URL(node.address.replace('esdb:', 'http:')).port);
  await node.close();
  for (const statement of statements) await sql(statement);
  node = await startEmbeddedEventStore({ databaseUrl: database.url, port });
};

const KEEP = [
  'drop schema if exists kept cascade',
  'alter schema eventstore rename to kept',
  'create schema eventstore',
];
const CREDENTIALS = [
  'create table eventstore.secret (like kept.secret including all)',
  'insert into eventstore.secret table kept.secret',
];
const EVENTS = 'create table eventstore.events (like kept.events including all)';
/** Events of other streams and ids, up to behind the end of the log that is kept. */
const OTHERS = (from: string) =>
  `insert into eventstore.events
   select each, 'order-' || each, 0, gen_random_uuid(), 'Ordered', true, 0, '{}', '{}'
   from generate_series((${from}), (select max(position) + 50 from kept.events)) as each`;
const TAKE_BACK = ['drop schema eventstore cascade', 'alter schema kept rename to eventstore'];

const ready = async () => {
  const { status, body } = await api.get('/health/ready');
  return { status, identity: (body.data ?? body.error.details).checks.log_identity };
};
const isReady = () =>
  eventually(async () => expect(await ready()).toMatchObject({ status: 200 }), { deadlineMs: 30_000 });

const MISMATCH = {
  status: 503,
  body: { error: { code: 'LOG_MISMATCH', message: expect.stringMatching(/eventstore:adopt/) } },
};

const refused = async (execution: string, why: RegExp) => {
  await eventually(
    async () => {
      const { status, identity } = await ready();
      expect({ status, identity }).toEqual({
        status: 503,
        identity: { ok: false, detail: expect.stringMatching(why) },
      });
    },
    { deadlineMs: 30_000 },
  );
  expect(await api.post('/api/v1/workflow/start', { project_id: 'p', document_type: 'ib' })).toMatchObject(MISMATCH);
  expect(await api.control(execution, 'pause')).toMatchObject(MISMATCH);
  // What the tables hold is still shown.
  expect((await api.get(`/api/v1/workflow?execution_id=${execution}`)).status).toBe(200);
};

let first = '';
let last = '';

test('the log has an id, which the database knows, and each follower notes the event up to which it has read', async () => {
  expect((await api.post(HOOKS, { url: `${receiver.url}/hook` })).status).toBe(201);
  first = await completed('before');
  const { log_id: id } = await one('select log_id from log_identity');
  const named = await one<{ data: Buffer }>(`select data from eventstore.events where stream = 'log-identity'`);
  expect(JSON.parse(named.data.toString())).toEqual({ logId: id });
  await eventually(async () => {
    const noted = await sql(
      `select place.event_id = events.id::text as is_same from (
         select event_position, event_id from projection_checkpoints
         union all select event_position, event_id from webhook_cursor
         union all select position, event_id::text from audit_leaves) as place
       left join eventstore.events on events.position = place.event_position`,
    );
    expect(noted.length).toBeGreaterThan(4);
    expect(noted.every(({ is_same: isSame }) => isSame)).toBe(true);
  });
  expect(await ready()).toEqual({ status: 200, identity: { ok: true } });
}, 60_000);

test('an empty log is not written to, nothing is started, and the reason is said; the right one is gone on with', async () => {
  await exchange(...KEEP, ...CREDENTIALS);
  await refused(first, /it is empty, and .* has read up to \d+/);
  expect(await sql('select * from eventstore.events')).toEqual([]);
  await exchange(...TAKE_BACK);
  await isReady();
  last = await completed('after');
}, 90_000);

test('so it is with an older copy, also when that has grown past what was read', async () => {
  const { position } = await one('select max(position) as position from eventstore.events where stream = $1', [
    `workflow-${first}`,
  ]);
  const older = [
    ...KEEP,
    ...CREDENTIALS,
    EVENTS,
    `insert into eventstore.events select * from kept.events where position <= ${position}`,
  ];
  await exchange(...older);
  await refused(last, /it ends at position \d+, and .* has read up to \d+/);
  await exchange(OTHERS('select max(position) + 1 from eventstore.events'));
  await refused(last, /at position \d+, where .* has read event [-0-9a-f]+, event [-0-9a-f]+ stands/);
  expect(
    await sql(`select * from eventstore.events where position > ${position} and stream not like 'order-%'`),
  ).toEqual([]);
  await exchange(...TAKE_BACK);
  await isReady();
  await completed('after');
}, 90_000);

test('so it is with another log that has grown past what was read', async () => {
  await exchange(...KEEP, ...CREDENTIALS, EVENTS, OTHERS('select 0'));
  await refused(last, /its id is missing, expected [-0-9a-f]+/);
  expect(await sql(`select * from eventstore.events where stream not like 'order-%'`)).toEqual([]);
  await exchange(...TAKE_BACK);
  await isReady();
}, 90_000);

test('tables that are behind the log are caught up', async () => {
  await server.stop();
  await sql('update projection_checkpoints set position = 0, event_position = null, event_id = null');
  await startInstance();
  await completed('again');
  await isReady();
}, 60_000);

const adopt = () =>
  new Promise<{ code: number; output: string }>((resolve) => {
    const child = execFile(process.execPath, [program], { env: { ...process.env, ...env } }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    );
  });

test('an operator who decides for an older copy adopts it: the tables and the tree are made from it', async () => {
  expect(await adopt()).toMatchObject({ code: 0, output: expect.stringContaining('nothing to adopt') });
  const { position } = await one('select max(position) as position from eventstore.events where stream = $1', [
    `workflow-${first}`,
  ]);
  await exchange(
    ...KEEP,
    ...CREDENTIALS,
    EVENTS,
    `insert into eventstore.events select * from kept.events where position <= ${position}`,
  );
  await refused(last, /it ends at position/);
  expect(await adopt()).toMatchObject({ code: 1, output: expect.stringMatching(/no instance that runs, there are 1/) });
  await server.stop();
  const { code, output } = await adopt();
  expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('is the right one now') });
  const file = /^(.*) ends with a checkpoint that this log does not have/m.exec(output)?.[1];
  expect(file).toMatch(/checkpoints\.ndjson$/);
  await rename(file!, `${file}.kept`);

  await startInstance();
  await isReady();
  await api.reaches(first, 'completed');
  expect((await api.get(`/api/v1/workflow?execution_id=${last}`)).status).toBe(404);
  const next = await completed('adopted');
  await eventually(() =>
    receiver.taken().some(({ body }) => body.data.execution_id === next && body.type === 'WorkflowCompleted'),
  );
  await eventually(async () => {
    const { signed } = await one(
      `select (select max((checkpoint ->> 'position')::bigint) from audit_checkpoints) >=
         (select max(position) from eventstore.events where stream = $1) as signed`,
      [`workflow-${next}`],
    );
    expect(signed).toBe(true);
  });
  expect((await api.get(`/api/v1/workflow/${next}/audit-pack`)).status).toBe(200);
}, 120_000);
