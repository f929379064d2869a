/** An event store that cannot be used: what a start says, what readiness says, as docs/running.md lists it, and that neither shows a password. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer } from '../../src/composition/server.js';
import { loadConfig } from '../../src/infrastructure/config/config.js';
import { LogDiagnosis } from '../../src/infrastructure/eventstore/log-diagnosis.js';
import { bundled, startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { startFakeEventStore, type FakeEventStore } from '../support/fake-event-store.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startInstance, type Instance } from './support/instance.js';

const PASSWORD = 'hunter2-of-the-log';
const tlsFile = (name: string) => fileURLToPath(new URL(`../support/tls/${name}`, import.meta.url));
const tlsOf = (name: string) => ({
  certificate: readFileSync(tlsFile(`${name}.pem`)),
  key: readFileSync(tlsFile(`${name}.key`)),
});

let database: TestDatabase;
let directory: string;
let [plain, secure, elsewhere] = [{} as FakeEventStore, {} as FakeEventStore, {} as FakeEventStore];
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'event-store-faults-'));
  database = await createTestDatabase();
  [plain, secure, elsewhere] = await Promise.all([
    startFakeEventStore(),
    startFakeEventStore(tlsOf('localhost')),
    startFakeEventStore(tlsOf('elsewhere')),
  ]);
});
afterAll(async () => {
  await Promise.all([plain, secure, elsewhere].map((fake) => fake.close()));
  await database.drop();
  await rm(directory, { recursive: true });
});
beforeEach(() => answering('ok'));

const calls = ['read', 'all', 'append', 'subscribe', 'gossip'] as const;
const answering = (answer: FakeEventStore['answers']['read'], of: readonly (typeof calls)[number][] = calls) => {
  for (const call of of) plain.answers[call] = answer;
};

const withUser = (url: string) => url.replace('://', `://admin:${PASSWORD}@`);
/** By their names in docs/running.md. */
const faults: Readonly<Record<string, () => string>> = {
  'another password': () => (answering('unauthenticated'), `${withUser(plain.url)}?tls=false`),
  'no right to read `$all`': () => (answering('denied', ['all', 'subscribe']), `${withUser(plain.url)}?tls=false`),
  'no right to read the streams': () => (answering('denied', ['read']), `${withUser(plain.url)}?tls=false`),
  'no right to write the streams': () => (answering('denied', ['append']), `${withUser(plain.url)}?tls=false`),
  'a certificate that is not trusted': () => withUser(secure.url),
  'a certificate of another host': () => `${withUser(elsewhere.url)}?tlsCAFile=${tlsFile('elsewhere.pem')}`,
  'TLS where the event store speaks none': () => withUser(plain.url),
  '`tls=false` where it speaks TLS': () => `${withUser(secure.url)}?tls=false`,
  'nothing listens there': () => `${withUser('esdb://127.0.0.1:1')}?tls=false`,
  'one node that is not ready': () => (answering('not-ready'), `${withUser(plain.url)}?tls=false`),
  'a cluster without a leader': () => (
    answering('not-leader', ['gossip']),
    `kdb+discover://admin:${PASSWORD}@127.0.0.1:${plain.port}?tls=false`
  ),
  'a cluster none of whose nodes answers': () => `${withUser('esdb://127.0.0.1:1,127.0.0.1:2')}?tls=false`,
};

const page = readFileSync('docs/running.md', 'utf8');
const listed = [...page.matchAll(/^\| (.*?) +\| (waits, then )?`(expected .*?)` +\| `([A-Z_]+)` +\|$/gm)].map(
  ([, name = '', waits, said = '', code = '']) => ({ name, waits: waits !== undefined, said, code }),
);

test('the page lists each fault', () => {
  expect(listed.map(({ name }) => name).sort()).toEqual(Object.keys(faults).sort());
});

test.each(listed)(
  '$name: a start ends within 10 s and says so; readiness calls it $code',
  async ({ name, waits, said, code }) => {
    const url = faults[name]!();
    const settings = {
      ...{ DATA_DIR: directory, DATABASE_URL: database.url, EVENTSTORE_URL: url, PORT: '0', LOG_LEVEL: 'fatal' },
      // What time does not mend is not waited for.
      START_WAIT_MS: waits ? '600' : '60000',
    };
    const begun = performance.now();
    const error = await startServer(loadConfig(settings)).then(
      () => new Error('It started'),
      (failure: unknown) => failure as Error,
    );
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect(error.message).toMatch(new RegExp(`^EVENTSTORE_URL: ${said.replaceAll('$', '\\$')}`));
    expect(error.message.split('\n')).toHaveLength(1);
    expect(error.message).not.toContain(PASSWORD);
    expect(await new LogDiagnosis(url).ask(error)).toBe(code);
  },
);

test('a CA that is named is trusted, and the credentials go there', async () => {
  const url = `${withUser(secure.url)}?tlsCAFile=${tlsFile('localhost.pem')}`;
  const settings = {
    DATA_DIR: directory,
    DATABASE_URL: database.url,
    EVENTSTORE_URL: url,
    PORT: '0',
    LOG_LEVEL: 'fatal',
  };
  const server = await startServer(loadConfig({ ...settings, SHUTDOWN_GRACE_MS: '0' }));
  await server.stop();
  expect(new Set(secure.authorizations)).toEqual(
    new Set([`Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`]),
  );
});

describe('an instance that runs', () => {
  let instance: Instance;
  const answered: string[] = [];
  const readiness = async () => {
    const response = await fetch(`${instance.api.url}/health/ready`);
    const text = await response.text();
    answered.push(text);
    const body = JSON.parse(text) as { data?: object; error?: { details: object } };
    const { checks } = (body.data ?? body.error?.details) as { checks: Record<string, { ok: boolean; code?: string }> };
    const failing = Object.entries(checks).filter(([, { ok }]) => !ok);
    return { status: response.status, codes: Object.fromEntries(failing.map(([name, { code }]) => [name, code])) };
  };
  const becomes = (status: number, codes: object) =>
    eventually(async () => expect(await readiness()).toEqual({ status, codes }), { deadlineMs: 30_000 });

  beforeAll(async () => {
    answering('ok');
    const file = path.join(directory, 'password');
    await writeFile(file, `${PASSWORD}\n`);
    instance = await startInstance({
      ...{ DATABASE_URL: database.url, EVENTSTORE_URL: `kurrentdb://admin@127.0.0.1:${plain.port}?tls=false` },
      ...{ EVENTSTORE_PASSWORD_FILE: file, HEALTH_PROBE_MS: '100', LOG_LEVEL: 'verbose', SHUTDOWN_GRACE_MS: '0' },
      // What the client and gRPC say of themselves.
      ...{ DEBUG: 'esdb:*', GRPC_VERBOSITY: 'DEBUG' },
    });
  });
  afterAll(async () => {
    if (instance.child.process.exitCode === null) await instance.child.kill('SIGKILL');
  });

  test.each([
    [
      'another password',
      calls,
      'unauthenticated',
      { event_log: 'CREDENTIALS_REFUSED', log_write: 'CREDENTIALS_REFUSED', log_follow: 'CREDENTIALS_REFUSED' },
    ],
    [
      'no right to read $all',
      ['all', 'subscribe'],
      'denied',
      { event_log: 'RIGHTS_MISSING', log_follow: 'RIGHTS_MISSING' },
    ],
    ['no right to write', ['append'], 'denied', { log_write: 'RIGHTS_MISSING' }],
    ['no leader', ['append'], 'not-ready', { log_write: 'NO_QUORUM' }],
  ] as const)('is not ready with %s, and is again after it', async (_, of, answer, codes) => {
    await becomes(200, {});
    answering(answer, of);
    plain.drop();
    await becomes(503, codes);
    answering('ok');
    plain.drop();
    await becomes(200, {});
  });

  test('has shown no password: in its log, its answers, its metrics, its arguments', async () => {
    const metrics = await (await fetch(`${instance.api.url}/metrics`)).text();
    expect(metrics).toContain('vital_sign_ok{sign="log_follow"} 1');
    const shown = [metrics, ...answered];
    if (process.platform === 'linux') shown.push(readFileSync(`/proc/${instance.child.process.pid}/cmdline`, 'utf8'));
    await instance.child.kill('SIGTERM');
    shown.push(instance.child.output());
    expect(instance.child.output()).toContain('esdb:');
    const ofDatabase = new URL(database.url).password;
    for (const secret of [
      PASSWORD,
      encodeURIComponent(PASSWORD),
      Buffer.from(`admin:${PASSWORD}`).toString('base64'),
      ofDatabase,
    ])
      if (secret !== '') expect(shown.filter((text) => text.includes(secret))).toEqual([]);
  });
});

test('a process that does not start shows no password either', async () => {
  const env = {
    EVENTSTORE_URL: `esdb://admin:${PASSWORD}@127.0.0.1:1?tls=false&retries=3`,
    DATABASE_URL: `postgres://app:${PASSWORD}@127.0.0.1:1/app?sslmode=requre`,
    DEBUG: '*',
  };
  const child = startChild(bundled(new URL('../../dist/main.js', import.meta.url)), [], env);
  await eventually(() => child.process.exitCode !== null, { deadlineMs: 30_000 });
  expect(child.process.exitCode).toBe(1);
  expect(child.output()).toMatch(/EVENTSTORE_URL: expected parameters out of .*"retries"\.$/m);
  expect(child.output()).toMatch(/DATABASE_URL: expected sslmode to be one of .*"requre"\.$/m);
  expect(child.output()).not.toContain(PASSWORD);
});
