/** An operator's hold applies on every instance within a second, and after a restart. */
import { generateKeyPairSync } from 'node:crypto';
import { failWith, startAgentServer, succeed, type AgentServer } from '../support/agent-server.js';
import { eventually } from '../support/eventually.js';
import { openCluster, type Cluster } from './support/cluster.js';
import type { Instance } from './support/instance.js';

const START = { project_id: 'p-1', document_type: 'test', triggered_by: 'ann' };

let agent: AgentServer;
let cluster: Cluster;

/** Instances that share a log share the key that signs it, wherever they run. */
const AUDIT_SIGNING_KEY = generateKeyPairSync('ed25519')
  .privateKey.export({ type: 'pkcs8', format: 'der' })
  .toString('base64');

const start = () => cluster.start();

beforeEach(async () => {
  agent = await startAgentServer(({ input }) =>
    input.project_id === 'bad' ? failWith('validation', 'BAD') : succeed({ [input.step]: 'done' }),
  );
  const steps = ['first', 'second'].map((name) => ({ name, agent: name }));
  const urls = { AGENT_FIRST_URL: `${agent.url}/first`, AGENT_SECOND_URL: `${agent.url}/second` };
  cluster = await openCluster(steps, { AUDIT_SIGNING_KEY, ...urls });
});

afterEach(async () => {
  await cluster.close();
  await agent.close();
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

test('a hold outlives a restart; steps of the held agent wait without an attempt, and run when the operator releases it', async () => {
  const before = await start();
  expect((await hold(before)).body.data).toMatchObject({ changed: true, agent: { held: { by: { id: 'ann' } } } });
  const id = await before.api.start(START);
  await before.api.reaches(id, 'first_completed');
  await before.child.kill('SIGKILL');

  const after = await start();
  expect(await second(after)).toMatchObject({ held: { by: { id: 'ann' }, reason: 'it answers nonsense' } });
  // The sweep has queued the step on this instance, which does not start it.
  await eventually(async () => (await second(after)).waiting_steps === 1);
  const later = await after.api.start(START);
  await after.api.reaches(later, 'first_completed');
  expect(agent.calls.filter(({ path }) => path === '/second')).toHaveLength(0);

  expect((await release(after)).body.data).toMatchObject({ changed: true, agent: { held: null } });
  for (const each of [id, later]) {
    const { steps } = await after.api.reaches(each, 'completed');
    expect(steps[1]).toMatchObject({ attempt: 1, retry_count: 0 });
    expect(await after.api.eventTypes(each)).toEqual(COMPLETED);
  }
}, 60_000);

test('an instance learns within a second of a hold or a release that another instance took', async () => {
  const [first, other] = [await start(), await start()];
  await hold(first);
  await eventually(async () => (await second(other)).held !== null, { deadlineMs: 1_000 });
  const id = await other.api.start(START);
  await other.api.reaches(id, 'first_completed');
  await release(first);
  await eventually(async () => (await second(other)).held === null, { deadlineMs: 1_000 });
  await other.api.reaches(id, 'completed');
  expect(await other.api.eventTypes(id)).toEqual(COMPLETED);
}, 60_000);

test('only one instance logs each line that operators need, once; a request is found there by its id', async () => {
  const [first, other] = [await start(), await start()];
  const id = await first.api.start(START);
  await first.api.reaches(id, 'completed');
  expect((await hold(first)).body.data.changed).toBe(true);
  await eventually(async () => (await second(other)).held !== null);
  expect((await release(other)).body.data.changed).toBe(true);
  const headers = { 'X-Request-Id': 'the-bad-one' };
  const { body } = await first.api.post('/api/v1/workflow/start', { ...START, project_id: 'bad' }, headers);
  const bad = body.data.execution.id as string;
  await first.api.reaches(bad, 'failed');
  expect((await fetch(`${first.api.url}/health/ready`)).status).toBe(200);
  await first.child.kill('SIGTERM');
  await other.child.printed(/This instance writes the read tables from now on/);
  await other.child.printed(/This instance writes and signs the audit tree from now on/);
  await other.child.printed(/This instance queues deliveries of webhooks from now on/);
  await other.child.printed(/The event node runs on this instance from now on/);

  const [here, there] = [first.child.output(), other.child.output()];
  const linesOf = (text: string, pattern: RegExp) => text.split('\n').filter((line) => pattern.test(line));
  const once = [
    /Agent second is held by user ann/,
    /Agent second is released by user bob/,
    new RegExp(`"level":"error".*Execution ${bad} failed at step first, validation BAD: `),
    /POST \/api\/v1\/workflow\/start 201 in \d+ ms \(request the-bad-one\)/,
    /This instance no longer writes the read tables/,
    /This instance no longer writes and signs the audit tree/,
    /This instance no longer queues deliveries of webhooks/,
    /This instance ends: it begins no new work/,
    /This instance has ended/,
  ];
  for (const pattern of once) expect([pattern, linesOf(here + there, pattern).length]).toEqual([pattern, 1]);
  expect(linesOf(there, /released by/)).toHaveLength(1);
  expect(linesOf(here + there, /Mapped|RoutesResolver|InstanceLoader|health\/ready/)).toEqual([]);
}, 90_000);
