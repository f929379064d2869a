/** `npm run audit -- verify`, while the application runs and while it does not. */
import { execFile, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { bundled } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { EventLog } from '../../src/application/log/event-log.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startScriptedAgents } from './support/scripted-agents.js';
import { startTestApp } from './support/test-app.js';

const program = fileURLToPath(bundled(new URL('../../dist/interfaces/cli/audit.js', import.meta.url)));
let database: TestDatabase;
let dataDir = '';

const auditWith = (more: Readonly<Record<string, string>>, ...given: string[]) =>
  new Promise<{ code: number; output: string }>((resolve) => {
    const env = { ...process.env, DATABASE_URL: database.url, DATA_DIR: dataDir, EVENTSTORE_URL: '', ...more };
    const child = execFile(process.execPath, [program, ...given], { env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    );
  });
const audit = (...given: string[]) => auditWith({}, ...given);
const sql = async (text: string, values: unknown[]): Promise<pg.QueryResult> => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  return client.query(text, values).finally(() => client.end());
};

beforeAll(async () => {
  database = await createTestDatabase();
  dataDir = await mkdtemp(path.join(tmpdir(), 'audit-verify-'));
});
afterAll(async () => {
  await database.drop();
  await rm(dataDir, { recursive: true });
});

test('verify exits with 1 and names the event if the history was tampered with, with 0 if all is proven, with 2 if it cannot tell', async () => {
  const agents = await startScriptedAgents();
  const env = { DATABASE_URL: database.url, DATA_DIR: dataDir, AGENT_BASE_URL: agents.url, AUDIT_CHECKPOINT_MS: '100' };
  const app = await startTestApp(env);
  try {
    const id = await app.api.start({ project_id: 'p', document_type: 'ib' });
    await app.api.reaches(id, 'completed');
    const covers = async () => Number((await sql('select count(*) from audit_leaves', [])).rows[0].count) > 0;
    await eventually(covers);
    const count = (await app.api.events(id)).length;
    await eventually(async () => {
      const { rows } = await sql(
        "select checkpoint ->> 'tree_size' as size from audit_checkpoints order by number",
        [],
      );
      return Number(rows.at(-1)?.size) === count;
    });
    const key = (await audit('key')).output.trim();
    expect(key).toBe(app.server.signingKey);
    const running = await audit('verify', '--all', '--key', key);
    expect(running).toMatchObject({ code: 0, output: expect.stringContaining(`${count} events are exactly those`) });
    const ofOne = await auditWith({ AUDIT_TRUSTED_KEYS: key }, 'verify', id);
    expect(ofOne).toMatchObject({ code: 0, output: expect.stringContaining(`${count} of them are`) });
    const pinIt = expect.stringMatching(new RegExp(`NOT PROVEN[^]*AUDIT_TRUSTED_KEYS=${key} or --key ${key}`));
    expect(await audit('verify', '--all')).toMatchObject({ code: 2, output: pinIt });
    const noKey = { code: 2, output: expect.stringContaining('--key: expected a fingerprint') };
    expect(await audit('verify', '--all', '--key', 'no-such-file')).toMatchObject(noKey);
    const noOther = { code: 2, output: expect.stringContaining('stop it first') };
    expect(await audit('change-key')).toMatchObject(noOther);

    await sql(
      `update eventstore.events set data = convert_to(replace(convert_from(data, 'utf8'), '"projectId":"p"', '"projectId":"q"'), 'utf8')
       where stream = $1 and revision = 0`,
      [`workflow-${id}`],
    );
    const edited = expect.stringMatching(new RegExp(`edited-data: position \\d+, stream workflow-${id}, revision 0`));
    expect(await audit('verify', '--all', '--key', key)).toMatchObject({ code: 1, output: edited });
    expect(await audit('verify', id)).toMatchObject({ code: 1, output: edited });
    await app.close();
    expect(await audit('verify', '--all')).toMatchObject({ code: 1, output: edited });
  } finally {
    await agents.close();
  }
  expect(await audit('verify')).toMatchObject({ code: 2, output: expect.stringContaining('Usage') });
  expect(await audit('verify', 'no-such-execution')).toMatchObject({ code: 2 });
}, 300_000);

test('change-key replaces the signing key while no instance runs; packs that the new key signs verify under a pin of the first', async () => {
  const own = await createTestDatabase();
  const directory = await mkdtemp(path.join(tmpdir(), 'audit-change-'));
  const settings = { DATABASE_URL: own.url, DATA_DIR: directory };
  const env = { ...settings, AUDIT_CHECKPOINT_MS: '600000' };
  const start = (more = {}) => startTestApp({ ...env, ...more });
  try {
    const first = await start();
    const id = await first.api.start({ project_id: 'p', document_type: 'ib', auto_execute: false });
    const pin = first.server.signingKey;
    await first.server.stop();
    const left = await auditWith(settings, 'verify', '--all', '--key', pin);
    expect(left).toMatchObject({ code: 0, output: expect.stringContaining('1 events are exactly those') });

    const proven = { ...settings, AUTH: 'keys' };
    const alone = await auditWith(proven, 'change-key', '--by', 'Ann Smith');
    expect(alone).toMatchObject({ code: 2, output: expect.stringContaining('takes two persons') });
    const twice = await auditWith(proven, 'change-key', '--by', 'Ann Smith', '--witness', 'ann smith');
    expect(twice).toMatchObject({ code: 2, output: expect.stringContaining('names of two persons') });
    const changed = await auditWith(proven, 'change-key', '--by', 'Ann Smith', '--witness', 'Rita Ng');
    const named = new RegExp(`${pin} has named ([0-9a-f]{64}) its successor`);
    expect(changed).toMatchObject({ code: 0, output: expect.stringMatching(named) });
    const next = named.exec(changed.output)![1];
    const stranger = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const asStranger = { AUDIT_SIGNING_KEY: stranger, AUDIT_TRUSTED_KEYS: pin };
    await expect(start(asStranger)).rejects.toThrow(/The signing key: expected .*change-key/);
    const second = await start({ AUDIT_TRUSTED_KEYS: pin });
    expect(second.server.signingKey).toBe(next);
    const { events } = await second.server.app.get(EventLog).read('access-audit-key');
    expect(events.map(({ data }) => data)).toMatchObject([
      { from: pin, to: next, by: 'Ann Smith', witness: 'Rita Ng' },
    ]);
    await second.api.control(id, 'pause');
    const response = await fetch(`${second.api.url}/api/v1/workflow/${id}/audit-pack`);
    expect(response.status).toBe(200);
    const pack = path.join(directory, 'pack.zip');
    await writeFile(pack, Buffer.from(await response.arrayBuffer()));
    await second.server.stop();
    const verifier = fileURLToPath(new URL('../../src/infrastructure/audit/pack/verify.mjs', import.meta.url));
    const verify = (key: string) => spawnSync(process.execPath, [verifier, pack, '--key', key], { encoding: 'utf8' });
    for (const key of [pin, next!]) expect(verify(key)).toMatchObject({ status: 0 });
    expect(verify('0'.repeat(64))).toMatchObject({ status: 1 });
    expect(await auditWith(settings, 'verify', '--all', '--key', pin)).toMatchObject({ code: 0 });
  } finally {
    await own.drop();
    await rm(directory, { recursive: true });
  }
}, 300_000);
