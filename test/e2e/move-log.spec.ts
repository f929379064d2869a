/** The documented move from the embedded node to another server: every execution, table, checkpoint and pack goes with it. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { jsonEvent } from '@eventstore/db-client';
import pg from 'pg';
import { loadConfig } from '../../src/infrastructure/config/config.js';
import { startServer, type Server } from '../../src/composition/server.js';
import { startEmbeddedEventStore } from '../../src/infrastructure/embedded-eventstore/index.js';
import { bundled } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startSide, type Side } from '../tools/copy-eventstore/side.js';
import { Api } from './support/api.js';
import { startScriptedAgents } from './support/scripted-agents.js';

const program = (name: string) => fileURLToPath(bundled(new URL(`../../dist/${name}`, import.meta.url)));
const verifier = fileURLToPath(new URL('../../src/infrastructure/audit/pack/verify.mjs', import.meta.url));
let [database, target, dataDir] = [{} as TestDatabase, {} as Side, ''];
let agents: Awaited<ReturnType<typeof startScriptedAgents>>;

const settings = (more: Readonly<Record<string, string>> = {}) => ({
  ...{ DATA_DIR: dataDir, DATABASE_URL: database.url, AGENT_BASE_URL: agents.url, PORT: '0', LOG_LEVEL: 'fatal' },
  ...{ SHUTDOWN_GRACE_MS: '0', AUDIT_CHECKPOINT_MS: '200', ...more },
});
const start = async (more: Readonly<Record<string, string>> = {}): Promise<Readonly<{ server: Server; api: Api }>> => {
  const server = await startServer(loadConfig(settings(more)));
  return { server, api: new Api(server.url) };
};
/** Of the copy: URLs with passwords, which are no arguments. */
let copied: Record<string, string> = {};
const run = (name: string, ...given: string[]) =>
  new Promise<{ code: number; output: string }>((resolve) => {
    const env = { ...process.env, ...settings({ EVENTSTORE_URL: target.url }), ...copied };
    const child = execFile(process.execPath, [program(name), ...given], { env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    );
  });
const audit = (...given: string[]) => run('interfaces/cli/audit.js', ...given);
const sql = async (text: string): Promise<Record<string, unknown>[]> => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  return client
    .query<Record<string, unknown>>(text)
    .then(({ rows }) => rows)
    .finally(() => client.end());
};
const packOf = async (api: Api, id: string) => {
  const response = await fetch(`${api.url}/api/v1/workflow/${id}/audit-pack`);
  const file = path.join(dataDir, 'pack.zip');
  await writeFile(file, Buffer.from(await response.arrayBuffer()));
  return { status: response.status, file };
};
const verify = (file: string, key: string) => {
  const { status, stdout } = spawnSync(process.execPath, [verifier, file, '--key', key], { encoding: 'utf8' });
  return { status, stdout };
};

const copy = (from: string, to: string) => {
  copied = { COPY_FROM_URL: from, COPY_TO_URL: to };
  return run('tools/copy-eventstore/main.js');
};

beforeAll(async () => {
  database = await createTestDatabase();
  dataDir = await mkdtemp(path.join(tmpdir(), 'move-log-'));
  agents = await startScriptedAgents();
  target = await startSide('target');
  const before = Array.from({ length: 100 }, () => jsonEvent({ type: 'Settled', data: {} }));
  await target.client.appendToStream('$settings', before);
});
afterAll(async () => {
  await target.stop();
  await agents.close();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

test('the application goes on after the move, and all that was signed before still proves', async () => {
  const before = await start();
  const key = before.server.signingKey;
  const completed = await before.api.start({ project_id: 'p', document_type: 'ib' });
  const waiting = await before.api.start({ project_id: 'q', document_type: 'ib', auto_execute: false });
  await before.api.reaches(completed, 'completed');
  const told = await before.api.events(completed);
  await before.server.stop();
  const rows = await sql(
    'select execution_id, revision, event_type, recorded_at, hash from workflow_events order by execution_id, revision',
  );

  const source = await startEmbeddedEventStore({ databaseUrl: database.url });
  const copied = await copy(source.url, target.url);
  await source.close();
  expect(copied).toMatchObject({
    code: 0,
    output: expect.stringMatching(/all verified[^]*Next: .*npm run audit -- move/),
  });
  const unsigned = await audit('verify', '--all', '--key', key);
  expect(unsigned).toMatchObject({ code: 1, output: expect.stringContaining('unsigned-move') });
  const moved = await audit('move');
  expect(moved).toMatchObject({ code: 0, output: expect.stringMatching(/Checkpoint \d+ records the move/) });
  expect(await audit('move')).toMatchObject({ code: 0, output: expect.stringContaining('Nothing is moved') });

  const { api, server } = await start({ EVENTSTORE_URL: target.url });
  try {
    expect(await api.events(completed)).toMatchObject(told.map(({ position: _, ...rest }) => rest));
    await api.post('/api/v1/workflow/execute', { execution_id: waiting, mode: 'remaining' });
    const fresh = await api.start({ project_id: 'r', document_type: 'ib' });
    for (const id of [waiting, fresh]) await api.reaches(id, 'completed');
    for (const id of [completed, fresh]) {
      const pack = await packOf(api, id);
      expect(pack.status).toBe(200);
      const { status, stdout } = verify(pack.file, key);
      expect({ status, stdout }).toMatchObject({ status: 0 });
      expect(/The log was moved to another server/.test(stdout)).toBe(id === completed);
    }
    const size = Number((await sql('select count(*) from audit_leaves'))[0]!['count']);
    await eventually(async () => {
      const [latest] = await sql(
        `select checkpoint ->> 'tree_size' as size from audit_checkpoints order by number desc`,
      );
      return Number(latest!['size']) >= size;
    });
  } finally {
    await server.stop();
  }
  const verified = await audit('verify', '--all', '--key', key);
  expect(verified).toMatchObject({
    code: 0,
    output: expect.stringMatching(/records a move of the log[^]*Nothing is wrong/),
  });
  const rebuilt = await run('interfaces/cli/projections.js', 'rebuild', 'all', '--reason', 'moved');
  expect({ ...rebuilt }).toMatchObject({ code: 0 });
  const after = await sql(
    'select execution_id, revision, event_type, recorded_at, hash from workflow_events order by execution_id, revision',
  );
  expect(after).toEqual(expect.arrayContaining(rows));
}, 180_000);
