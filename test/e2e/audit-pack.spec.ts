/** The audit pack: a third party checks it with `verify.mjs` alone, and no changed byte passes. */
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { jest } from '@jest/globals';
import { unzipSync } from 'fflate';
import { DataSource } from 'typeorm';
import { bundled } from '../support/child.js';
import type { Reply } from './support/api.js';
import { startTestApp, type TestApp } from './support/test-app.js';

const FORGED_MOVE = `update audit_checkpoints set checkpoint = jsonb_set(checkpoint::jsonb, '{move}', '{"from": "1"}') where number = 0`;

let app: TestApp;
let directory = '';
let pack = '';
let verifier = '';
let id = '';
let dataDir = '';
const lines: string[] = [];
let key = '';

/** Runs the verifier, with the key that signed the pack unless the test passes options. */
const run = (target: string, ...given: string[]) => runWith(target, ...(given.length > 0 ? given : ['--key', key]));
const runWith = (target: string, ...more: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [verifier, target, ...more], { encoding: 'utf8' });
  return { status, output: stdout + stderr };
};

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'audit-pack-'));
  dataDir = path.join(directory, 'data');
  app = await startTestApp({ DATA_DIR: dataDir, LOG_LEVEL: 'error' });
  id = await app.api.start({ project_id: 'metformin', document_type: 'ib', triggered_by: 'ann' });
  await app.api.reaches(id, 'completed', 60_000);
  const from = performance.now();
  const response = await fetch(`${app.api.url}/api/v1/workflow/${id}/audit-pack`);
  const zip = Buffer.from(await response.arrayBuffer());
  process.stdout.write(`audit pack: ${zip.length} bytes in ${Math.round(performance.now() - from)} ms\n`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/zip');
  pack = path.join(directory, 'pack');
  for (const [name, content] of Object.entries(unzipSync(zip))) {
    await mkdir(path.dirname(path.join(pack, name)), { recursive: true });
    await writeFile(path.join(pack, name), content);
  }
  await writeFile(path.join(directory, 'pack.zip'), zip);
  verifier = path.join(directory, 'verify.mjs');
  await copyFile(path.join(pack, 'verify.mjs'), verifier);
  key = app.server.signingKey;
}, 180_000);
afterAll(async () => {
  await app.close();
  await rm(directory, { recursive: true });
});

const files = async () => (await readdir(pack, { recursive: true, withFileTypes: true })).filter((it) => it.isFile());
const namesOf = async () => (await files()).map((it) => path.relative(pack, path.join(it.parentPath, it.name)));

test('verifies both unpacked and as a ZIP, and states what it proves and what it does not', () => {
  for (const target of [pack, path.join(directory, 'pack.zip')]) {
    const { status, output } = run(target);
    expect(output).toMatch(/events without a gap[^]*under checkpoint \d+[^]*NOT proved: that[^]*\nOK\n$/);
    expect(status).toBe(0);
  }
});

test('is not proven without a key from elsewhere: the verifier prints the key to compare and exits with 2', () => {
  for (const target of [pack, path.join(directory, 'pack.zip')]) {
    const { status, output } = runWith(target);
    expect({ status, output }).toMatchObject({ status: 2, output: expect.stringContaining(`compare ${key} with`) });
    expect(output).not.toMatch(/^OK$/m);
  }
  expect(runWith(path.join(directory, 'nowhere')).status).toBe(2);
  expect(run(pack, '--key', path.join(directory, 'nowhere')).status).toBe(2);
});

test('the verifier takes the key as a fingerprint or as a file, and refuses another key', async () => {
  const file = path.join(directory, 'trusted.txt');
  await writeFile(file, `# from the quality unit\n${key}\n`);
  const pem = path.join(directory, 'trusted.pem');
  await copyFile(path.join(pack, 'public-key.pem'), pem);
  for (const given of [file, pem, `sha256:${key.toUpperCase()}`]) expect(run(pack, '--key', given).status).toBe(0);
  expect(run(pack, '--key-id', key).status).toBe(0);
  for (const option of ['--key', '--key-id'])
    expect(run(pack, option, '0'.repeat(64))).toMatchObject({
      status: 1,
      output: expect.stringContaining('you trust'),
    });
});

test('contains the whole history and the lineage of each file', async () => {
  const lines = (await readFile(path.join(pack, 'events.ndjson'), 'utf8')).trimEnd().split('\n');
  const events = await app.api.events(id);
  expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(events.map((event) => event.id));
  const lineage = JSON.parse(await readFile(path.join(pack, 'lineage.json'), 'utf8')) as { name: string }[];
  expect(lineage.map(({ name }) => name)).toEqual(expect.arrayContaining([expect.stringMatching(/\.pdf$/)]));
  const { step } = lineage[0] as unknown as { step: string };
  const started = events.find(({ event_type, data }) => event_type === 'StepStarted' && data.step === step);
  expect(started.data.inputHash).toMatch(/^[0-9a-f]{64}$/);
  expect(lineage[0]).toMatchObject({ attempt: 1, generation: 1, input_hash: started.data.inputHash });
  expect(lineage[0]).toMatchObject({
    agent: started.data.agent,
    agent_version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
  });
  expect((await readFile(path.join(pack, 'report.pdf'))).subarray(0, 5).toString()).toBe('%PDF-');
});

test('a changed byte in any file fails the verification', async () => {
  const names = await namesOf();
  expect(names).toEqual(expect.arrayContaining(['events.ndjson', 'manifest.json', 'manifest.sig', 'verify.mjs']));
  for (const name of names) {
    const file = path.join(pack, name);
    const bytes = await readFile(file);
    for (const at of [Math.floor(bytes.length / 2), bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      await writeFile(file, changed);
      expect({ name, at, ...run(pack) }).toMatchObject({ status: 1, output: expect.stringContaining('FAILED') });
    }
    await writeFile(file, bytes);
  }
  expect(run(pack).status).toBe(0);
}, 180_000);

test('a changed byte of the ZIP fails the verification, also in bytes that belong to no file', async () => {
  const zip = await readFile(path.join(directory, 'pack.zip'));
  const [central, end] = [zip.indexOf('PK\x01\x02'), zip.lastIndexOf('PK\x05\x06')];
  const [time, check] = [10, 14];
  const places = [0, time, check, 30, central - 1, central + 12, central + 38, end, end + 6, end + 20, end + 22];
  for (const at of [...places, zip.length - 1]) {
    const changed = Buffer.from(zip);
    changed[at]! ^= 1;
    const target = path.join(directory, 'changed.zip');
    await writeFile(target, changed);
    expect({ at, ...run(target) }).toMatchObject({ status: 1, output: expect.stringContaining('FAILED') });
  }
}, 60_000);

test('a missing or an extra file fails the verification', async () => {
  await writeFile(path.join(pack, 'more.txt'), 'more');
  expect(run(pack)).toMatchObject({ status: 1, output: expect.stringContaining('more.txt') });
  await unlink(path.join(pack, 'more.txt'));
  const lineage = await readFile(path.join(pack, 'lineage.json'));
  await unlink(path.join(pack, 'lineage.json'));
  expect(run(pack)).toMatchObject({ status: 1, output: expect.stringContaining('lineage.json') });
  await writeFile(path.join(pack, 'lineage.json'), lineage);
});

test('an execution that does not exist has no audit pack: 404', async () => {
  const answer = await app.api.get('/api/v1/workflow/00000000-0000-4000-8000-000000000000/audit-pack');
  expect(answer.status).toBe(404);
});

test.each([
  [
    'a damaged tree',
    `update audit_nodes set hash = sha256(hash) where level = 0`,
    'proofs.json: revision 0 is not proved',
  ],
  [
    'an event that lacks its leaf',
    `delete from audit_leaves where stream ^@ 'workflow-' and revision = 1`,
    'proofs.json: another number of events',
  ],
  ['a record of a move that nobody signed', FORGED_MOVE, 'moves.json: checkpoint 0 is no signed record of a move'],
])(
  'a pack that its own verifier refuses is not given out, because of %s: 409 with what it found',
  async (_why, damage, found) => {
    const source = app.server.app.get(DataSource);
    // A second checkpoint: the forged one is not the latest.
    const other = await app.api.start({ project_id: 'p', document_type: 'ib', auto_execute: false });
    expect((await fetch(`${app.api.url}/api/v1/workflow/${other}/audit-pack`)).status).toBe(200);
    const kept = ['audit_nodes', 'audit_leaves', 'audit_checkpoints'];
    for (const table of kept) await source.query(`create table kept_${table} as table ${table}`);
    await source.query(damage);
    const refused = await app.api.get(`/api/v1/workflow/${id}/audit-pack`);
    for (const table of kept) {
      await source.query(`truncate ${table}`);
      await source.query(`insert into ${table} table kept_${table}`);
      await source.query(`drop table kept_${table}`);
    }
    const error = { code: 'AUDIT_PACK_REFUSED', message: expect.stringContaining(found), details: { found } };
    expect(refused).toMatchObject({ status: 409, body: { error } });
    expect((await fetch(`${app.api.url}/api/v1/workflow/${id}/audit-pack`)).status).toBe(200);
  },
);

describe('an artifact that was altered in the database under its old hash', () => {
  const audit = async (...given: string[]) =>
    new Promise<{ code: number; output: string }>((resolve) => {
      const program = fileURLToPath(bundled(new URL('../../dist/interfaces/cli/audit.js', import.meta.url)));
      const env = { ...process.env, DATABASE_URL: app.databaseUrl, DATA_DIR: dataDir, EVENTSTORE_URL: '' };
      const child = execFile(process.execPath, [program, 'verify', ...given], { env }, (_error, stdout, stderr) =>
        resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
      );
    });
  const sql = (text: string, values: unknown[]): Promise<{ content: Buffer }[]> =>
    app.server.app.get(DataSource).query(text, values);
  const name = 'metformin-investigators-brochure.pdf';
  const metric = async () =>
    /workflow_executor_damaged_artifacts_total\{kind="altered"\} (\d+)/.exec(
      await (await fetch(`${app.api.url}/metrics`)).text(),
    )?.[1];

  let file: Reply;
  let written: { mockRestore: () => void };
  let sha256 = '';
  beforeAll(async () => {
    file = await app.api.get(`/api/v1/workflow/${id}/artifacts/${name}`);
    written = jest.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean(lines.push(String(text))));
    sha256 = createHash('sha256').update(Buffer.from(file.body)).digest('hex');
  });
  afterAll(() => written.mockRestore());
  afterEach(async () => {
    await sql(
      `insert into artifacts (sha256, bytes, content_type, content) values ($1, $2, 'application/pdf', $3)
       on conflict (sha256) do update set content = excluded.content`,
      [sha256, file.body.byteLength, Buffer.from(file.body)],
    );
  });

  test('is served neither by itself nor in a pack; a log line and a metric report it', async () => {
    expect(await metric()).toBeUndefined();
    await sql(
      'update artifacts set content = set_byte(content, 1000, 1 + get_byte(content, 1000) % 255) where sha256 = $1',
      [sha256],
    );
    const answer = await app.api.get(`/api/v1/workflow/${id}/artifacts/${name}`);
    expect(answer).toMatchObject({ status: 500, body: { error: { code: 'ARTIFACT_ALTERED', details: { sha256 } } } });
    expect(answer.headers.get('etag')).toBeNull();
    expect((await app.api.get(`/api/v1/workflow/${id}/audit-pack`)).body.error.code).toBe('ARTIFACT_ALTERED');
    expect(lines.filter((line) => line.includes(`The artifact of SHA-256 ${sha256} was altered`))).toHaveLength(2);
    expect(await metric()).toBe('2');
  });

  test('is found by the verification, which names its execution and file; so is a missing artifact', async () => {
    await sql(`update artifacts set content = 'other' where sha256 = $1`, [sha256]);
    const altered = expect.stringMatching(
      new RegExp(
        `artifact-altered: position \\d+, stream workflow-${id}[^]*Artifact ${name} of execution ${id} was altered`,
      ),
    );
    expect(await audit('--all')).toMatchObject({ code: 1, output: altered });
    expect(await audit(id)).toMatchObject({ code: 1, output: altered });
    await sql('delete from artifacts where sha256 = $1', [sha256]);
    const missing = expect.stringMatching(new RegExp(`artifact-missing:[^]*Artifact ${name} of execution ${id}`));
    expect(await audit('--all')).toMatchObject({ code: 1, output: missing });
    expect(await app.api.get(`/api/v1/workflow/${id}/artifacts/${name}`)).toMatchObject({
      ...{ status: 500, body: { error: { code: 'ARTIFACT_MISSING' } } },
    });
  });
});
