/** With AUTH=keys: no part of a key's secret is in the log, in events, in answers to errors or in an audit pack. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { jest } from '@jest/globals';
import { unzipSync } from 'fflate';
import { AccessDirectory } from '../../src/application/access/access-directory.js';
import { newKey } from '../../src/application/access/api-keys.js';
import { succeed, startAgentServer, type AgentServer } from '../support/agent-server.js';
import { eventually } from '../support/eventually.js';
import { definitionsDir } from './support/definitions.js';
import { startTestApp, type TestApp } from './support/test-app.js';

const { id: keyId, secretHash, key } = newKey((bytes) => randomBytes(bytes));
const secret = key.slice(key.lastIndexOf(keyId) + keyId.length + 1);
/** What is left of the key where a text was cut, or has a character changed. */
const PART = 10;
const parts = Array.from({ length: secret.length - PART + 1 }, (_, at) => secret.slice(at, at + PART));
const foundIn = (text: string) => parts.filter((part) => text.includes(part));

let app: TestApp;
let agent: AgentServer;
let definitions: string;
let logged = '';
const spies: { mockRestore: () => void }[] = [];

const get = (path: string, authorization = `Bearer ${key}`) =>
  fetch(app.api.url + path, { headers: { authorization } });

beforeAll(async () => {
  for (const stream of [process.stdout, process.stderr])
    spies.push(
      jest.spyOn(stream, 'write').mockImplementation((chunk) => {
        logged += String(chunk);
        return true;
      }),
    );
  agent = await startAgentServer(() => succeed());
  definitions = await definitionsDir([{ name: 'only', agent: 'only' }]);
  app = await startTestApp({
    ...{ AUTH: 'keys', LOG_LEVEL: 'verbose', DEFINITIONS_DIR: definitions },
    AGENT_ONLY_URL: `${agent.url}/only`,
  });
  const at = new Date();
  const by = { type: 'system', id: 'test' } as const;
  const grants = (['operator', 'auditor'] as const).map((role) => ({ role, projects: 'all' as const }));
  const limits = { keys: 10, grants: 10, blocked: 10 };
  const data = {
    id: keyId,
    name: 'test',
    secretHash,
    grants,
    expiresAt: null,
    by,
    reason: null,
    at: at.toISOString(),
    limits,
  };
  const context = { at, actor: by, reason: null, causationId: null, traceparent: null };
  await app.server.app
    .get(AccessDirectory)
    .execute({ type: 'CreateApiKey', data }, { ...context, commandId: '5b8f7a52-7a5e-4df0-8d8e-0d1d4e1f2a10' });
}, 90_000);
afterAll(async () => {
  await app.close();
  for (const spy of spies) spy.mockRestore();
  await Promise.all([agent.close(), rm(definitions, { recursive: true })]);
});

test('a run leaves no part of the key that started it', async () => {
  const started = await app.api.post(
    '/api/v1/workflow/start',
    { project_id: 'p-1', document_type: 'test' },
    { authorization: `Bearer ${key}` },
  );
  expect([started.status, started.body.success]).toEqual([201, true]);
  const id = started.body.data.execution.id as string;
  const pack = await eventually(async () => {
    const details = await (await get(`/api/v1/workflow?execution_id=${id}&include_steps=true`)).text();
    if (!details.includes('"completed"')) throw new Error(`Expected the execution to complete: ${details}`);
    return get(`/api/v1/workflow/${id}/audit-pack`);
  });
  expect(pack.status).toBe(200);
  const files = Object.values(unzipSync(new Uint8Array(await pack.arrayBuffer())));
  const events = await (await get(`/api/v1/workflow/${id}/events?limit=1000`)).text();
  expect(events).toContain('"via":"key"');
  const all = [events, ...files.map((file) => Buffer.from(file).toString('latin1'))];
  expect(foundIn(all.join('\n'))).toEqual([]);
  expect(JSON.stringify(agent.calls.map(({ headers, text }) => [headers, text]))).not.toContain(secret);
});

test('answers to refused credentials, and the log, repeat no part of them', async () => {
  const wrong = [`${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`, `${key}x`, key.slice(0, -3), secret];
  const answers = await Promise.all(
    [...wrong.map((each) => `Bearer ${each}`), key, `Basic ${key}`].map((each) => get('/api/v1/workflow/agents', each)),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401));
  const unknown = [
    await get('/api/v1/workflow?execution_id=none'),
    await get('/api/v1/nowhere'),
    await app.api.post('/api/v1/workflow/start', { nothing: 1 }, { authorization: `Bearer ${key}` }),
  ];
  expect(unknown.every(({ status }) => status >= 400)).toBe(true);
  const headersOf = ({ headers }: Pick<Response, 'headers'>) => JSON.stringify([...headers]);
  const bodies = await Promise.all(answers.map((each) => each.text()));
  const texts = [...bodies, ...[...answers, ...unknown].map(headersOf), JSON.stringify(unknown[2])];
  expect(foundIn(texts.join('\n'))).toEqual([]);
  expect(logged).toContain('/api/v1/workflow/start');
  expect(foundIn(logged)).toEqual([]);
});
