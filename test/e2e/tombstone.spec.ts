/** Streams tombstoned, cut or deleted in a store that allows it: each is named, and all other streams go on. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EventStoreDBClient } from '@eventstore/db-client';
import { DataSource } from 'typeorm';
import { startServer, type Server } from '../../src/composition/server.js';
import { loadConfig } from '../../src/infrastructure/config/config.js';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStore,
} from '../../src/infrastructure/embedded-eventstore/index.js';
import { connect } from '../../src/infrastructure/eventstore/connect.js';
import { bundled } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startReceiver, type Receiver } from '../support/webhook-receiver.js';
import { Api } from './support/api.js';
import { startScriptedAgents } from './support/scripted-agents.js';

const program = fileURLToPath(bundled(new URL('../../dist/interfaces/cli/audit.js', import.meta.url)));
const HOOKS = '/api/v1/workflow/webhooks';

let database: TestDatabase;
let node: EmbeddedEventStore;
let client: EventStoreDBClient;
let agents: Awaited<ReturnType<typeof startScriptedAgents>>;
let receiver: Receiver;
let server: Server;
let api: Api;
let dataDir = '';
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'tombstone-'));
  database = await createTestDatabase();
  closers.push(() => database.drop());
  node = await startEmbeddedEventStore({ databaseUrl: database.url, protectedPrefixes: [] });
  closers.push(() => node.close());
  client = connect(node.url);
  closers.push(() => client.dispose());
  agents = await startScriptedAgents();
  closers.push(() => agents.close());
  receiver = await startReceiver();
  closers.push(() => receiver.close());
  const env = {
    ...{ DATA_DIR: dataDir, DATABASE_URL: database.url, EVENTSTORE_URL: node.url, AGENT_BASE_URL: agents.url },
    ...{ PORT: '0', LOG_LEVEL: 'fatal', SHUTDOWN_GRACE_MS: '0', AUDIT_CHECKPOINT_MS: '100' },
    ...{ WEBHOOK_ALLOW_PRIVATE_TARGETS: 'true', WEBHOOK_FIRST_RETRY_MS: '20', SAGA_SWEEP_INTERVAL_MS: '100' },
    DRIFT_CHECK_INTERVAL_MS: '20',
  };
  server = await startServer(loadConfig(env));
  closers.push(() => server.stop());
  api = new Api(server.url);
}, 60_000);
afterAll(async () => {
  for (const close of closers.reverse()) await close();
  await rm(dataDir, { recursive: true });
}, 60_000);

const start = (project: string) => api.start({ project_id: project, document_type: 'ib' });
const sql = (text: string, values: unknown[] = []): Promise<Record<string, string>[]> =>
  server.app.get(DataSource).query(text, values);
const audit = (eventstore: string, ...given: string[]) =>
  new Promise<{ code: number; output: string }>((resolve) => {
    const env = { ...process.env, DATABASE_URL: database.url, DATA_DIR: dataDir, EVENTSTORE_URL: eventstore };
    const child = execFile(
      process.execPath,
      [program, 'verify', ...given, '--key', server.signingKey],
      { env },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    );
  });

/** Waits for a checkpoint over all events of the execution. */
const signed = (execution: string) =>
  eventually(
    async () => {
      const [{ is_signed: isSigned }] = (await sql(SIGNED, [`workflow-${execution}`])) as [{ is_signed: string }];
      expect(isSigned).toBe(true);
    },
    { deadlineMs: 30_000 },
  );
const SIGNED = `
  select coalesce(max((checkpoint ->> 'position')::bigint), -1) >=
    (select max(position) from eventstore.events where stream = $1) as is_signed from audit_checkpoints`;

test('executions and webhooks of other streams go on, and verification names each tombstoned stream', async () => {
  const hooked = await api.post(HOOKS, { url: `${receiver.url}/hook`, project_id: 'after' });
  const other = await api.post(HOOKS, { url: `${receiver.url}/other` });
  expect([hooked.status, other.status]).toEqual([201, 201]);
  agents.scripts.set('held', { enrich: 'hold' });
  const ended = await start('before');
  await api.reaches(ended, 'completed');
  const running = await start('held');
  await eventually(() => agents.calls.some(({ input }) => input.execution_id === running));
  const otherHook = other.body.data.webhook.id as string;
  for (const stream of [`workflow-${ended}`, `workflow-${running}`, `webhook-${otherHook}`, 'agent-nobody'])
    await client.tombstoneStream(stream);
  agents.release(running, 'enrich');

  const after = await start('after');
  await api.reaches(after, 'completed');
  const count = (await api.events(after)).length;
  const delivered = () =>
    receiver.taken().filter(({ path: at, body }) => at === '/hook' && body.data.execution_id === after);
  await eventually(() => delivered().length === count, { deadlineMs: 30_000 });

  // The API still shows what the read tables hold; what only the log has is answered 410, not as if the log were away.
  expect((await api.get(`/api/v1/workflow?execution_id=${ended}`)).status).toBe(200);
  const gone = {
    status: 410,
    body: { error: { code: 'STREAM_TOMBSTONED', details: { stream: `workflow-${running}` } } },
  };
  expect(await api.control(running, 'pause')).toMatchObject(gone);
  expect(await api.get(`/api/v1/workflow/${running}/audit-pack`)).toMatchObject(gone);
  expect((await api.get(`/api/v1/workflow/${after}/audit-pack`)).status).toBe(200);

  const tables = await sql('select projection, position from projection_checkpoints');
  const [{ position: last }] = (await sql('select max(position) as position from eventstore.events where stream = $1', [
    `workflow-${after}`,
  ])) as [{ position: string }];
  await eventually(async () => {
    for (const { position } of await sql('select position from projection_checkpoints'))
      expect(BigInt(position!)).toBeGreaterThanOrEqual(BigInt(last));
  });
  await signed(after);
  expect(tables.length).toBeGreaterThan(0);
  expect(await sql('select * from projection_poison')).toEqual([]);
  const drifted = async () => await sql('select * from projection_drift');
  expect(await drifted()).toEqual([]);
  expect((await api.get('/health/ready')).status).toBe(200);

  for (const eventstore of [node.url, '']) {
    const all = await audit(eventstore, '--all');
    expect(all.code).toBe(1);
    const findings = [...all.output.matchAll(/ {2}(\S+): position \d+, stream (\S+),/g)].map(
      ([, kind, stream]) => `${kind} ${stream}`,
    );
    const audited = [`workflow-${ended}`, `workflow-${running}`, 'agent-nobody', `webhook-${otherHook}`];
    expect(findings.sort()).toEqual(audited.map((stream) => `stream-tombstoned ${stream}`).sort());
    expect(await audit(eventstore, ended)).toMatchObject({
      code: 1,
      output: expect.stringContaining('stream-tombstoned'),
    });
    expect(await audit(eventstore, after)).toMatchObject({ code: 0 });
  }
}, 180_000);

const damageOf = async (execution: string) => (await api.details(execution)).execution.damage;
const countOf = async (execution: string) =>
  (
    await sql('select count(*)::integer as count from eventstore.events where stream = $1', [`workflow-${execution}`])
  )[0]!.count;

test('histories cut or deleted by an operator are damaged to all who read them, and nothing is appended to them', async () => {
  agents.scripts.set('cut', { enrich: 'hold' });
  const key = { 'Idempotency-Key': 'damaged-start' };
  const body = { project_id: 'deleted', document_type: 'ib' };
  const keyed = await api.post('/api/v1/workflow/start', body, key);
  const [cut, counted, running] = [await start('one'), await start('two'), await start('cut')];
  const deleted = keyed.body.data.execution.id as string;
  for (const one of [cut, counted, deleted]) await api.reaches(one, 'completed');
  await eventually(() => agents.calls.some(({ input }) => input.execution_id === running));
  for (const one of [cut, counted, deleted, running]) await signed(one);

  await client.setStreamMetadata(`workflow-${cut}`, { truncateBefore: 2 });
  await client.setStreamMetadata(`workflow-${counted}`, { maxCount: 1 });
  for (const one of [deleted, running]) await client.deleteStream(`workflow-${one}`);
  const kinds = { [cut]: 'truncated', [counted]: 'truncated', [deleted]: 'gone', [running]: 'gone' };
  await eventually(async () => {
    for (const [one, kind] of Object.entries(kinds)) expect(await damageOf(one)).toMatchObject({ kind });
  });
  const before = await countOf(running);
  agents.release(running, 'enrich');
  const other = await start('beside');
  await api.reaches(other, 'completed');

  const listed = await api.get('/api/v1/workflow/executions?limit=200');
  for (const [one, damage] of Object.entries(kinds)) {
    const refused = { status: 409, body: { error: { code: 'HISTORY_DAMAGED', details: { damage } } } };
    const path = `/api/v1/workflow/${one}`;
    for (const read of [
      ...[`${path}/events`, `${path}/events?order=desc&limit=1`, `${path}/diff`, `${path}/compare/${other}`],
      ...[`${path}/audit-pack`, `${path}/audit-reviews`, `/api/v1/workflow?execution_id=${one}&at_revision=1`],
    ])
      expect([read, await api.get(read)]).toMatchObject([read, refused]);
    const stream = await fetch(`${server.url}${path}/stream`, { headers: { accept: 'text/event-stream' } });
    expect([stream.status, (await stream.json()).error.code]).toEqual([409, 'HISTORY_DAMAGED']);
    expect(await api.control(one, 'cancel')).toMatchObject(refused);
    const shown = listed.body.data.executions.find(({ id }: { id: string }) => id === one);
    expect(shown.damage).toMatchObject({ kind: damage, message: expect.any(String) });
  }
  expect((await audit(node.url, cut)).output).toContain('deleted-event');
  expect((await audit(node.url, deleted)).output).toContain('removed-stream');
  expect(await api.post('/api/v1/workflow/start', body, key)).toMatchObject({ status: 409 });
  expect(await countOf(running)).toBe(before);

  const ready = await api.get('/health/ready');
  expect(ready).toMatchObject({ status: 200, body: { data: { checks: { histories: { ok: false } } } } });
  const metrics = Buffer.from((await api.get('/metrics')).body as ArrayBuffer).toString();
  expect(metrics).toMatch(/^workflow_executor_damaged_histories [4-9]$/m);

  await client.setStreamMetadata(`workflow-${cut}`, {});
  await eventually(async () => expect(await damageOf(cut)).toBeUndefined());
  expect((await api.get(`/api/v1/workflow/${cut}/events`)).status).toBe(200);
}, 180_000);

test('signing goes on in the table and the file when the checkpoint stream is tombstoned, and verification names that stream', async () => {
  await client.tombstoneStream('audit-checkpoints');
  const execution = await start('signed');
  await api.reaches(execution, 'completed');
  await signed(execution);
  expect((await api.get('/health/ready')).status).toBe(200);

  const kept = await sql('select number from audit_checkpoints order by number');
  const file = path.join(dataDir, 'audit', 'checkpoints.ndjson');
  await eventually(async () => {
    const numbers = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(numbers.map((line) => JSON.parse(line).number)).toEqual([...numbers.keys()]);
    expect(numbers.length).toBeGreaterThanOrEqual(kept.length);
  });
  for (const eventstore of [node.url, '']) {
    const { code, output } = await audit(eventstore, '--all');
    expect(code).toBe(1);
    expect(output).toContain('stream audit-checkpoints');
    expect(output).toContain('stream-tombstoned');
    expect(output).not.toMatch(/checkpoint-(removed|edited|signature)|not signed/);
  }
}, 120_000);
