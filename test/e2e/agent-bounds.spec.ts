/** Limits, circuit and backlog over real HTTP: what the API shows of them, and that steps that wait are not lost. */
import { rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { startAgentServer, succeed, type Answer, type AgentServer } from '../support/agent-server.js';
import { eventually } from '../support/eventually.js';
import { definitionsDir } from './support/definitions.js';
import { startTestApp, type TestApp } from './support/test-app.js';

const START = { project_id: 'p-1', document_type: 'test', triggered_by: 'ann' };

let definitions: string;
let agent: AgentServer;
let answer: Answer;
let app: TestApp;

const arrange = async (env: Record<string, string>) => {
  answer = ({ input }) => succeed({ [input.step]: 'done' });
  agent = await startAgentServer((call, response) => answer(call, response));
  definitions = await definitionsDir([
    { name: 'first', agent: 'first' },
    { name: 'second', agent: 'second' },
  ]);
  const urls = { AGENT_FIRST_URL: `${agent.url}/first`, AGENT_SECOND_URL: `${agent.url}/second` };
  app = await startTestApp({ DEFINITIONS_DIR: definitions, ...urls, ...env });
};
afterEach(async () => {
  await app.close();
  await Promise.all([agent.close(), rm(definitions, { recursive: true })]);
});

const listed = async (name: string) =>
  (await app.api.get('/api/v1/workflow/agents')).body.data.agents.find((each: { name: string }) => each.name === name);
const start = (count: number) => Promise.all(Array.from({ length: count }, () => app.api.start(START)));

test('an open circuit stops calls to an unavailable agent; its steps wait, and all complete once the agent answers again', async () => {
  await arrange({ AGENT_FIRST_CIRCUIT_FAILURES: '2', AGENT_FIRST_CIRCUIT_COOL_DOWN_MS: '2000' });
  answer = (_call, response) => void response.writeHead(503).end();
  const early = await start(2);
  await eventually(async () => (await listed('first')).circuit.state === 'open');
  const calls = agent.calls.length;
  const late = await start(3);
  await eventually(async () => (await listed('first')).waiting_steps >= 3);
  expect(await listed('first')).toMatchObject({
    circuit: { recent_failures: 2, next_trial_at: expect.stringMatching(/Z$/) },
    limits: { circuit: { failures: 2, cool_down_ms: 2000 } },
  });
  expect(agent.calls).toHaveLength(calls);
  answer = ({ input }) => succeed({ [input.step]: 'done' });
  for (const id of late) expect((await app.api.reaches(id, 'completed')).steps[0]).toMatchObject({ attempt: 1 });
  for (const id of early) expect((await app.api.reaches(id, 'completed')).steps[0]).toMatchObject({ attempt: 2 });
  expect((await listed('first')).circuit.state).toBe('closed');
}, 60_000);

test('an instance never exceeds an agent’s concurrency limit, and goes on calling the other agent meanwhile', async () => {
  await arrange({ AGENT_SECOND_MAX_CONCURRENT_CALLS: '1' });
  const open: ServerResponse[] = [];
  answer = ({ path, input }, response) =>
    path === '/second' ? void open.push(response) : succeed({ [input.step]: 'done' });
  const ids = await start(4);
  await eventually(() => agent.calls.filter(({ path }) => path === '/first').length === 4);
  await eventually(async () => (await listed('second')).waiting_steps === 3);
  for (let ended = 0; ended < 4; ended++) {
    await eventually(() => open.length > 0);
    expect(open).toHaveLength(1);
    expect(await listed('second')).toMatchObject({ running_calls: 1, waiting_steps: 3 - ended });
    open.pop()!.end(JSON.stringify(succeed()));
  }
  for (const id of ids) await app.api.reaches(id, 'completed');
}, 60_000);

test('a full backlog answers a start with 503 but a repeated start as before, and takes starts again once it has room', async () => {
  await arrange({ MAX_WAITING_EXECUTIONS: '2' });
  const key = { 'Idempotency-Key': 'start-1' };
  await app.api.post('/api/v1/workflow/agents/first/hold', { reason: 'to fill the backlog' });
  const first = await app.api.post('/api/v1/workflow/start', START, key);
  const second = await app.api.start(START);
  const refused = await app.api.post('/api/v1/workflow/start', START);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
  expect(refused.body.error.code).toBe('TOO_MANY_WAITING');
  const repeat = await app.api.post('/api/v1/workflow/start', START, key);
  expect([repeat.status, repeat.body.data.execution.id]).toEqual([201, first.body.data.execution.id]);

  await app.api.post('/api/v1/workflow/agents/first/release', { reason: 'enough' });
  for (const id of [first.body.data.execution.id, second]) await app.api.reaches(id, 'completed');
  await eventually(async () => (await app.api.post('/api/v1/workflow/start', START)).status === 201);
  await eventually(async () => {
    const { executions } = (await app.api.get('/api/v1/workflow/executions')).body.data;
    expect(executions).toHaveLength(3);
  });
}, 60_000);
