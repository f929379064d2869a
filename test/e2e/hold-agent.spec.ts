/** An operator's hold: on every instance, within a second, and after a restart. */
import { rm } from 'node:fs/promises';
import { startAgentServer, succeed, type AgentServer } from '../support/agent-server.js';
import { eventually } from '../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { definitionsDir } from './support/definitions.js';
import { startInstance, type Instance } from './support/instance.js';

const START = { project_id: 'p-1', document_type: 'test', triggered_by: 'ann' };

let database: TestDatabase;
let definitions: string;
let agent: AgentServer;
let instances: Instance[];

const start = async () => {
  const urls = { AGENT_FIRST_URL: `${agent.url}/first`, AGENT_SECOND_URL: `${agent.url}/second` };
  const instance = await startInstance({ DATABASE_URL: database.url, DEFINITIONS_DIR: definitions, ...urls });
  instances.push(instance);
  return instance;
};

beforeEach(async () => {
  instances = [];
  [database, definitions, agent] = await Promise.all([
    createTestDatabase(),
    definitionsDir([
      { name: 'first', agent: 'first' },
      { name: 'second', agent: 'second' },
    ]),
    startAgentServer(({ input }) => succeed({ [input.step]: 'done' })),
  ]);
});

afterEach(async () => {
  await Promise.all(instances.map(({ child }) => child.kill('SIGKILL')));
  await Promise.all([agent.close(), rm(definitions, { recursive: true }), database.drop()]);
});

const hold = ({ api }: Instance) =>
  api.post('/api/v1/workflow/agents/second/hold', { actor_id: 'ann', reason: 'it answers nonsense' });
const release = ({ api }: Instance) =>
  api.post('/api/v1/workflow/agents/second/release', { actor_id: 'bob', reason: 'mended' });
const second = async ({ api }: Instance) =>
  (await api.get('/api/v1/workflow/agents')).body.data.agents.find(({ name }: { name: string }) => name === 'second');
const COMPLETED = ['WorkflowStarted', 'StepStarted', 'StepCompleted', 'StepStarted', 'StepCompleted'].concat(
  'WorkflowCompleted',
);

test('a held agent stays held over a restart; its steps wait without an attempt, and go on at the release', async () => {
  const before = await start();
  expect((await hold(before)).body.data).toMatchObject({ changed: true, agent: { held: { by: { id: 'ann' } } } });
  const id = await before.api.start(START);
  await before.api.reaches(id, 'first_completed');
  await before.child.kill('SIGKILL');

  const after = await start();
  expect(await second(after)).toMatchObject({ held: { by: { id: 'ann' }, reason: 'it answers nonsense' } });
  // The sweep has brought the step into line here, and it was not started.
  await eventually(async () => (await second(after)).waiting_steps === 1);
  const later = await after.api.start(START);
  await after.api.reaches(later, 'first_completed');
  expect(agent.calls.filter(({ path }) => path === '/second')).toHaveLength(0);

  expect((await release(after)).body.data).toMatchObject({ changed: true, agent: { held: null } });
  for (const one of [id, later]) {
    const { steps } = await after.api.reaches(one, 'completed');
    expect(steps[1]).toMatchObject({ attempt: 1, retry_count: 0 });
    expect(await after.api.eventTypes(one)).toEqual(COMPLETED);
  }
}, 60_000);

test('a hold on one instance is known to the other within a second, and so is its release', async () => {
  const [one, other] = [await start(), await start()];
  await hold(one);
  await eventually(async () => (await second(other)).held !== null, { deadlineMs: 1_000 });
  const id = await other.api.start(START);
  await other.api.reaches(id, 'first_completed');
  await release(one);
  await eventually(async () => (await second(other)).held === null, { deadlineMs: 1_000 });
  await other.api.reaches(id, 'completed');
  expect(await other.api.eventTypes(id)).toEqual(COMPLETED);
}, 60_000);
