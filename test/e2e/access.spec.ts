/** AUTH=keys on two instances: keys over REST and the command line, revocation everywhere, and what the access log says. */
import { generateKeyPairSync } from 'node:crypto';
import pg from 'pg';
import { bundled, startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { openCluster, type Cluster } from './support/cluster.js';
import type { Instance } from './support/instance.js';

const PROGRAM = bundled(new URL('../../dist/interfaces/cli/access.js', import.meta.url));
const ACCESS = '/api/v1/access';
const WITHIN_MS = 2_000;

let cluster: Cluster;
let first: Instance;
let second: Instance;
/** The key of the first administrator. */
let root: Readonly<{ id: string; secret: string }>;

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are JSON whose shape is what the tests assert */
type Reply = Readonly<{ status: number; headers: Headers; body: any }>;
type Sent = Readonly<{ body?: object; headers?: Record<string, string> }>;

const ask = async (
  { api }: Instance,
  key: string | null,
  path: string,
  { body, headers }: Sent = {},
): Promise<Reply> => {
  const response = await fetch(api.url + path, {
    method: body ? 'POST' : 'GET',
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...headers,
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const isJson = response.headers.get('content-type')?.includes('json');
  return { status: response.status, headers: response.headers, body: isJson ? await response.json() : null };
};

const cli = async (...args: readonly string[]): Promise<Readonly<{ code: number | null; output: string }>> => {
  const child = startChild(PROGRAM, args, { DATABASE_URL: cluster.databaseUrl, AUTH: 'keys' });
  const code = await new Promise<number | null>((resolve) => child.process.once('close', resolve));
  return { code, output: child.output().trim() };
};

const makeKey = async (role: string, name = role, more: Sent['headers'] = {}) => {
  const body = { name, grants: [{ role, projects: 'all' }], reason: 'a test' };
  const made = await ask(first, root.secret, `${ACCESS}/keys`, { body, headers: more });
  return { reply: made, id: made.body.data?.key.id as string, secret: made.body.data?.secret as string };
};

/** @returns how long it took from `since` until an instance answered so */
const answersWithin = async (instance: Instance, key: string, status: number, since: number): Promise<number> => {
  await eventually(async () => (await ask(instance, key, `${ACCESS}/me`)).status === status, { everyMs: 5 });
  return performance.now() - since;
};

beforeAll(async () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  cluster = await openCluster([{ name: 'first', agent: 'test' }], {
    ...{ AUTH: 'keys', AGENT_TEST_URL: 'http://127.0.0.1:9/', AUDIT_SIGNING_KEY: pem, AUDIT_CHECKPOINT_MS: '200' },
  });
  const { output } = await cli('keys', 'create', '--name', 'root', '--role', 'admin', '--json');
  const { key, secret } = JSON.parse(output);
  root = { id: key.id, secret };
  [first, second] = await Promise.all([cluster.start(), cluster.start()]);
}, 90_000);
afterAll(() => cluster?.close(), 60_000);

describe('keys', () => {
  test('say who asks; nobody gets in without one, and nobody does what their roles do not hold', async () => {
    const missing = await ask(first, null, `${ACCESS}/me`);
    expect([missing.status, missing.body.error.code]).toEqual([401, 'CREDENTIALS_MISSING']);
    const me = await ask(second, root.secret, `${ACCESS}/me`);
    expect(me.body.data).toMatchObject({
      actor: { type: 'service', id: 'root', via: 'key', verified: true },
      credential: { kind: 'key', key_id: root.id, expires_at: null },
      grants: [{ role: 'admin', projects: 'all' }],
      permissions: { 'access.manage': 'all' },
    });
    expect((await ask(first, root.secret, `${ACCESS}/log`)).body.error.details).toEqual({ permission: 'access.log' });
    const start = { project_id: 'p-1', document_type: 'test', auto_execute: false };
    expect((await ask(first, root.secret, '/api/v1/workflow/start', { body: start })).status).toBe(403);
  });

  test('are shown once, listed without what proves them, and made once by a repeated request', async () => {
    const { reply, id, secret } = await makeKey('viewer', 'reports', { 'idempotency-key': 'once' });
    expect(reply.status).toBe(201);
    expect(reply.headers.get('cache-control')).toBe('no-store');
    expect(reply.headers.get('location')).toBe(`${ACCESS}/keys/${id}`);
    const again = await makeKey('viewer', 'reports', { 'idempotency-key': 'once' });
    expect([again.reply.status, again.reply.body.error.details]).toEqual([409, { key_id: id }]);
    await answersWithin(second, secret, 200, performance.now());
    const list = await ask(second, root.secret, `${ACCESS}/keys`);
    expect(list.body.data.keys.map(({ name, status }: any) => [name, status])).toEqual([
      ['reports', 'valid'],
      ['root', 'valid'],
    ]);
    expect(list.body.data.keys[0]).toMatchObject({ created_by: { id: 'root' }, last_used_at: expect.any(String) });
    expect(JSON.stringify(list.body)).not.toMatch(new RegExp(`secret|${secret.slice(-43)}`, 'i'));
    const one = await ask(second, root.secret, `${ACCESS}/keys/${id}`);
    const etag = one.headers.get('etag') ?? '';
    // It was used by neither request.
    expect(
      (await ask(second, root.secret, `${ACCESS}/keys/${id}`, { headers: { 'if-none-match': etag } })).status,
    ).toBe(304);
    const bad = { name: 'x y', grants: [{ role: 'king', projects: [] }], reason: ' ' };
    expect((await ask(first, root.secret, `${ACCESS}/keys`, { body: bad })).body.error.details).toHaveLength(3);
  });

  test('that are rotated without overlap or revoked end on the other instance within two seconds', async () => {
    const before = await makeKey('viewer', 'rotated');
    const path = `${ACCESS}/keys/${before.id}/rotate`;
    const rotated = await ask(first, root.secret, path, { body: { overlap_seconds: 0, reason: 'leaked' } });
    expect([rotated.status, rotated.headers.get('cache-control')]).toEqual([201, 'no-store']);
    await answersWithin(second, before.secret, 401, performance.now());
    const { id, name } = rotated.body.data.key;
    expect(name).toBe('rotated');
    await answersWithin(second, rotated.body.data.secret, 200, performance.now());

    const times: number[] = [];
    const since = performance.now();
    expect((await ask(first, root.secret, `${ACCESS}/keys/${id}/revoke`, { body: { reason: 'over' } })).status).toBe(
      200,
    );
    times.push(await answersWithin(second, rotated.body.data.secret, 401, since));
    for (let count = 0; count < 4; count++) {
      const { id: next, secret } = await makeKey('viewer', 'short-lived');
      await answersWithin(second, secret, 200, performance.now());
      const begun = performance.now();
      await ask(first, root.secret, `${ACCESS}/keys/${next}/revoke`, { body: { reason: 'over' } });
      times.push(await answersWithin(second, secret, 401, begun));
    }
    process.stdout.write(
      `A revocation was in force on the other instance after ${times.map(Math.round).join(', ')} ms\n`,
    );
    expect(Math.max(...times)).toBeLessThan(WITHIN_MS);
  });

  test('of the last administrator are not revoked over REST', async () => {
    const refused = await ask(first, root.secret, `${ACCESS}/keys/${root.id}/revoke`, { body: { reason: 'why not' } });
    expect([refused.status, refused.body.error.message]).toEqual([409, expect.stringMatching(/No administrator/)]);
  });
});

test('grants are given, listed and withdrawn; persons are blocked', async () => {
  const person = { issuer: 'https://id.example', subject: 'ann', reason: 'joined' };
  const grant = { ...person, role: 'reviewer', projects: ['p-1', 'q*'] };
  const given = await ask(first, root.secret, `${ACCESS}/grants`, { body: grant });
  expect(given.body.data).toMatchObject({ changed: true, subject: { grants: [{ role: 'reviewer' }] } });
  expect((await ask(second, root.secret, `${ACCESS}/grants`, { body: grant })).body.data.changed).toBe(false);
  const listed = await ask(second, root.secret, `${ACCESS}/grants?subject=ann`);
  expect(listed.body.data.grants).toMatchObject([
    { subject: 'ann', projects: ['p-1', 'q*'], given_by: { id: 'root' } },
  ]);
  await ask(second, root.secret, `${ACCESS}/subjects/block`, { body: person });
  const blocked = await ask(first, root.secret, `${ACCESS}/subjects?blocked=true`);
  expect(blocked.body.data.subjects).toMatchObject([{ subject: 'ann', blocked_at: expect.any(String) }]);
  await ask(first, root.secret, `${ACCESS}/subjects/unblock`, { body: person });
  const withdrawn = await ask(first, root.secret, `${ACCESS}/grants/withdraw`, { body: grant });
  expect(withdrawn.body.data).toMatchObject({ changed: true, subject: { grants: [], blocked_at: null } });
});

test('the command line does the same while instances run', async () => {
  const { id, secret } = await makeKey('monitor');
  await answersWithin(second, secret, 200, performance.now());
  expect((await cli('keys', 'revoke', id, '--reason', 'done')).code).toBe(0);
  await answersWithin(second, secret, 401, performance.now());
  const lines = (await cli('log', '--subject', id, '--json')).output.split('\n').map((line) => JSON.parse(line));
  expect(lines.map(({ kind, reason }) => [kind, reason])).toEqual([
    ['ApiKeyRevoked', 'done'],
    ['ApiKeyCreated', 'a test'],
  ]);
  expect((await cli('keys', 'lend')).code).toBe(2);
});

test('the access log says what was denied and which packs were given out, and the audit tree covers it', async () => {
  const [auditor, starter] = [await makeKey('auditor'), await makeKey('starter')];
  await answersWithin(second, auditor.secret, 200, performance.now());
  const body = { project_id: 'p-1', document_type: 'test', auto_execute: false };
  const started = await ask(first, starter.secret, '/api/v1/workflow/start', { body });
  const executionId: string = started.body.data.execution.id;
  const pack = `/api/v1/workflow/${executionId}/audit-pack`;
  for (let count = 0; count < 3; count++) expect((await ask(first, starter.secret, pack)).status).toBe(403);
  expect((await ask(second, auditor.secret, pack)).status).toBe(200);
  const exported = await ask(second, auditor.secret, `${ACCESS}/log?kind=AuditPackExported`);
  expect(exported.body.data.entries).toMatchObject([
    { actor: { id: 'auditor', verified: true }, data: { executionId, who: { id: 'auditor' } } },
  ]);
  await first.child.kill('SIGTERM');
  const denied = await ask(second, auditor.secret, `${ACCESS}/log?kind=AccessDenied&subject=starter`);
  expect(denied.body.data.entries).toMatchObject([
    {
      actor: { type: 'system', id: 'access-log' },
      data: {
        route: 'GET /api/v1/workflow/:execution_id/audit-pack',
        permission: 'audit.export',
        count: 3,
        address: null,
      },
    },
  ]);
  const unknown = await ask(second, auditor.secret, `${ACCESS}/log?kind=AccessDenied&limit=200`);
  expect(unknown.body.data.entries.map(({ data }: any) => data)).toContainEqual(
    expect.objectContaining({ who: null, address: '127.0.0.1', code: 'CREDENTIALS_MISSING', count: 1 }),
  );
  const { stream } = denied.body.data.entries[0];
  const database = new pg.Client({ connectionString: cluster.databaseUrl });
  await database.connect();
  await eventually(async () => {
    const { rows } = await database.query('select count(*)::int as count from audit_leaves where stream = $1', [
      stream,
    ]);
    return rows[0].count > 0;
  }).finally(() => database.end());
  const keys = await ask(second, auditor.secret, `${ACCESS}/keys`);
  const used = keys.body.data.keys.find(({ id }: any) => id === starter.id);
  expect(used.last_used_at).not.toBeNull();
}, 60_000);
