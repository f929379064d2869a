/** Agents with headers, tokens and signed calls; they repeat what they were sent, and nothing of it is found anywhere. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { unzipSync } from 'fflate';
import { startAgentServer, type AgentServer, type Answer } from '../support/agent-server.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { verify } from '../support/webhook-receiver.js';
import { definitionsDir } from './support/definitions.js';
import { startInstance, type Instance } from './support/instance.js';

const secretOf = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;
const [FIRST, SECOND] = [secretOf(0xa1), secretOf(0xb2)];
const TOKEN = 'echoed-token-0123456789';
const LATER_TOKEN = 'rotated-token-0123456789';
const API_KEY = 'echoed-api-key-"/0123456789';
const SECRETS = [TOKEN, LATER_TOKEN, API_KEY, ...[FIRST, SECOND].map((secret) => secret.slice('whsec_'.length))];

let database: TestDatabase;
let directory: string;
let definitions: string;
let agent: AgentServer;
let instance: Instance;

/** Reports as an agent does that has taken its task, until `complete` is acknowledged. */
const reportLater = async (url: string, said: object) => {
  const post = async (body: object) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  await post({ type: 'heartbeat', percent: 10, message: JSON.stringify(said) });
  await post({ type: 'complete', data: said, metadata: said });
};

const repeat: Answer = ({ headers, input }, response) => {
  const said = { all: JSON.stringify(headers), ...headers, secrets: [FIRST, SECOND] };
  const { does } = input.metadata as { does: string };
  if (does === 'fail') {
    response.statusCode = 401;
    const [code, message] = [String(headers.authorization), JSON.stringify(said)];
    return { success: false, error: { type: 'fatal', code, message } };
  }
  if (does === 'remark') {
    response.statusCode = 400;
    return { error: { message: `not with ${String(headers.authorization)}` } };
  }
  if (does !== 'report') return { success: true, data: said, metadata: said };
  response.statusCode = 202;
  void reportLater(String(headers['x-task-url']), said);
  return { task_token: headers['x-task-token'] };
};

const write = async (name: string, text: string) => {
  const file = path.join(directory, name);
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return file;
};

beforeAll(async () => {
  database = await createTestDatabase();
  directory = await mkdtemp(path.join(tmpdir(), 'agent-secrets-'));
  definitions = await definitionsDir([{ name: 'echo', agent: 'echo-agent', max_retries: 0 }]);
  agent = await startAgentServer(repeat);
  instance = await startInstance({
    DATABASE_URL: database.url,
    DEFINITIONS_DIR: definitions,
    LOG_LEVEL: 'verbose',
    AGENT_ECHO_AGENT_URL: `${agent.url}/echo`,
    AGENT_ECHO_AGENT_HEADERS: 'X-Team: documents',
    AGENT_ECHO_AGENT_HEADERS_FILE: await write('headers', `X-Api-Key: ${API_KEY}\n`),
    AGENT_ECHO_AGENT_TOKEN_FILE: await write('token', `${TOKEN}\n`),
    AGENT_ECHO_AGENT_SIGNING_SECRET_FILE: await write('secrets', `${FIRST}\n${SECOND}\n`),
  });
}, 90_000);
afterAll(async () => {
  await instance?.child.kill('SIGTERM');
  await Promise.all([agent.close(), ...[directory, definitions].map((each) => rm(each, { recursive: true }))]);
  await database.drop();
});

const run = async (does: string, state: string) => {
  const id = await instance.api.start({ project_id: 'p-1', document_type: 'test', metadata: { does } });
  await instance.api.reaches(id, state);
  return id;
};

/** Everything that the instance tells of an execution, files of the audit pack included. */
const allOf = async (id: string): Promise<string> => {
  const { url } = instance.api;
  const paths = [`?execution_id=${id}&include_steps=true`, `/${id}/events?limit=1000`, `/${id}/audit-pack`];
  const answers = await Promise.all(
    paths.map(async (each) => {
      const response = await fetch(`${url}/api/v1/workflow${each}`);
      expect([each, response.status]).toEqual([each, 200]);
      const bytes = new Uint8Array(await response.arrayBuffer());
      const isPack = response.headers.get('content-type') === 'application/zip';
      const files = isPack ? Object.values(unzipSync(bytes)) : [bytes];
      return files.map((file) => Buffer.from(file).toString('latin1')).join('\n');
    }),
  );
  return answers.join('\n');
};

const foundIn = (text: string) =>
  SECRETS.filter((secret) => text.includes(secret) || text.includes(JSON.stringify(secret).slice(1, -1)));

test('calls carry the headers and a signature of each secret, and use a token that changed without a restart', async () => {
  await run('succeed', 'completed');
  const { headers, text } = agent.calls.at(-1)!;
  expect(headers).toMatchObject({
    ...{ 'x-team': 'documents', 'x-api-key': API_KEY, authorization: `Bearer ${TOKEN}` },
    'webhook-id': headers['idempotency-key'],
  });
  for (const secret of [FIRST, SECOND]) expect(verify(secret, { headers, text })).toBe(true);
  expect(verify(secretOf(1), { headers, text })).toBe(false);

  await write('token', LATER_TOKEN);
  let sent: string | undefined;
  for (let calls = 0; calls < 100 && sent !== `Bearer ${LATER_TOKEN}`; calls++) {
    await run('succeed', 'completed');
    sent = agent.calls.at(-1)!.headers.authorization;
  }
  expect(sent).toBe(`Bearer ${LATER_TOKEN}`);
}, 60_000);

test('the list of agents names headers, and says that calls are signed', async () => {
  const { body } = await instance.api.get('/api/v1/workflow/agents');
  const sent = { headers: ['x-team', 'x-api-key', 'authorization'], signed: true };
  expect(body.data.agents).toContainEqual(expect.objectContaining({ name: 'echo-agent', ...sent }));
  expect(body.data.agents).toContainEqual(expect.objectContaining({ name: 'writer', headers: [], signed: false }));
  expect(foundIn(JSON.stringify(body))).toEqual([]);
});

test.each([
  ['fail', 'failed'],
  ['remark', 'failed'],
  ['succeed', 'completed'],
  ['report', 'completed'],
])(
  'an agent that repeats what it was sent (%s) brings no secret into events, pack, answers or log',
  async (does, state) => {
    const id = await run(does, state);
    const { headers } = agent.calls.at(-1)!;
    // The agent was sent what is looked for.
    expect(foundIn(JSON.stringify({ ...headers }))).toEqual(expect.arrayContaining([API_KEY]));
    const all = await allOf(id);
    expect(all).toContain('[hidden]');
    expect(foundIn(all)).toEqual([]);
    const metrics = await (await fetch(`${instance.api.url}/metrics`)).text();
    expect(foundIn(metrics + instance.child.output())).toEqual([]);
  },
  60_000,
);
