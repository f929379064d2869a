/** Two instances in processes of their own, on one database: how they share work, and what happens when one of them stops. */
import { eventually } from '../support/eventually.js';
import { shiftedClock } from '../support/shifted-clock.js';
import { startHeldAgent } from './support/held-agent.js';
import { hammer } from './support/hammer.js';
import { openCluster, type Cluster } from './support/cluster.js';
import type { Instance } from './support/instance.js';

const START = { project_id: 'p-1', document_type: 'test', triggered_by: 'ann' };

let agent: Awaited<ReturnType<typeof startHeldAgent>>;
let cluster: Cluster;

const start = (env: Record<string, string> = {}) => cluster.start(env);

const startTwo = (env: Record<string, string> = {}) => Promise.all([start(env), start(env)]);

const workerOf = async ({ api }: Instance, id: string): Promise<string> =>
  (await api.events(id)).findLast(({ event_type }) => event_type === 'StepStarted').data.worker;

const setUp = async () => {
  agent = await startHeldAgent();
  const steps = ['first', 'second'].map((name) => ({ name, agent: 'test' }));
  cluster = await openCluster(steps, { AGENT_TEST_URL: agent.url });
};

const tearDown = async () => {
  await cluster.close();
  await agent.close();
};

/** More than a step's timeout. */
const AHEAD_MS = 90_000;

describe('two instances that run, one on a machine whose clock is ahead', () => {
  let first: Instance;
  let second: Instance;

  beforeAll(async () => {
    await setUp();
    const env = { SAGA_MAX_CONCURRENT_STEPS: '5' };
    [first, second] = await Promise.all([start(env), start({ ...env, ...shiftedClock(AHEAD_MS) })]);
  }, 60_000);
  beforeEach(() => agent.reset());
  afterAll(tearDown, 60_000);

  test('the second instance does what exceeds the first, and no step is done by both', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => first.api.start(START)));
    await eventually(() => agent.held.length === 8);
    const workers = await Promise.all(ids.map((id) => workerOf(second, id)));
    expect(new Set(workers).size).toBe(2);
    agent.letGo();
    for (const id of ids) await second.api.reaches(id, 'completed');
    const keys = agent.calls.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(2 * ids.length);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('both go by the time of the database: neither ends a call of the other before its deadline', async () => {
    expect(second.child.output()).toMatch(/clock is (89|90|91)\.\d s ahead of the database/);
    const ids = await Promise.all(Array.from({ length: 8 }, () => first.api.start(START)));
    await eventually(() => agent.held.length === 8);
    const workers = await Promise.all(ids.map((id) => workerOf(second, id)));
    expect(new Set(workers).size).toBe(2);
    // Sweeps of both instances go by.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    for (const id of ids) expect(await second.api.eventTypes(id)).toEqual(['WorkflowStarted', 'StepStarted']);
    agent.letGo();
    for (const id of ids) await second.api.reaches(id, 'completed');
  });

  test.each(['pause', 'cancel'])(
    'a %s that a client sends to one instance reaches the call on the other within 1 s',
    async (action) => {
      const id = await first.api.start(START);
      await eventually(() => agent.held.length === 1);
      await second.api.reaches(id, 'first_running');
      const sentAt = performance.now();
      expect((await second.api.control(id, action)).status).toBe(200);
      if (action === 'cancel') {
        await eventually(() => agent.held[0]?.aborted() ?? false);
        expect(performance.now() - sentAt).toBeLessThan(1_000);
        return;
      }
      // A call in flight ends by itself; its result is recorded, and no step starts after it.
      agent.letGo();
      await eventually(async () => (await second.api.eventTypes(id)).includes('StepCompleted'));
      expect(performance.now() - sentAt).toBeLessThan(1_000);
      expect((await first.api.control(id, 'resume')).status).toBe(200);
      await first.api.reaches(id, 'completed');
      expect(await first.api.eventTypes(id)).toEqual([
        ...['WorkflowStarted', 'StepStarted', 'WorkflowPaused', 'StepCompleted'],
        ...['WorkflowResumed', 'StepStarted', 'StepCompleted', 'WorkflowCompleted'],
      ]);
    },
  );
});

describe('two instances of which one stops', () => {
  beforeEach(setUp);
  afterEach(tearDown, 60_000);

  test('an instance that gets SIGTERM hands its steps over at once: the other has them long before a sweep', async () => {
    const patient = { WORKER_HEARTBEAT_MS: '3000', WORKER_TIMEOUT_MS: '15000', SAGA_SWEEP_INTERVAL_MS: '60000' };
    const [first, second] = await Promise.all([start({ ...patient, SHUTDOWN_GRACE_MS: '300' }), start(patient)]);
    const ids = await Promise.all(Array.from({ length: 10 }, () => first.api.start(START)));
    await eventually(() => agent.held.length === 10);
    const sentAt = performance.now();
    await first.child.kill('SIGTERM');
    expect(first.child.process.exitCode).toBe(0);
    expect(performance.now() - sentAt).toBeLessThan(5_000);
    await eventually(() => agent.held.length === 20);
    agent.letGo();
    for (const id of ids) await second.api.reaches(id, 'completed');
    const causes = (await second.api.events(ids[0]!)).flatMap(({ data }) => data.cause ?? []);
    expect(causes).toEqual(['shutdown']);
  });

  test('no request fails while an instance drains after SIGTERM, and its process exits with 0', async () => {
    agent.letGo();
    const [first, second] = await startTwo();
    const clients = hammer([first.api.url, second.api.url], () => ({ path: '/api/v1/workflow/start', body: START }));
    await eventually(() => clients.answered() > 50, { deadlineMs: 30_000 });
    const ready = async () => (await fetch(`${first.api.url}/health/ready`)).status;
    expect(await ready()).toBe(200);
    const ended = first.child.kill('SIGTERM');
    await ended;
    const then = clients.answered();
    await eventually(() => clients.answered() > then + 50, { deadlineMs: 30_000 });
    await clients.stop();
    expect(first.child.process.exitCode).toBe(0);
    expect(clients.failures).toEqual([]);
    expect(clients.refused()).toBeGreaterThan(0);
  }, 120_000);

  test('an instance that stands still beyond its worker timeout does nothing twice when it goes on', async () => {
    const [first, second] = await startTwo();
    const id = await first.api.start(START);
    await eventually(() => agent.held.length === 1);
    first.child.process.kill('SIGSTOP');
    await eventually(() => agent.held.length === 2, { deadlineMs: 20_000 });
    // The stopped instance keeps neither the event node nor the lead over the read tables.
    const other = await second.api.start(START);
    await second.api.reaches(other, 'first_running');
    // The answer to the abandoned attempt waits in the stopped process's socket, before the answer that counts.
    agent.held[0]?.answer();
    first.child.process.kill('SIGCONT');
    await eventually(async () => (await fetch(`${first.api.url}/health/ready`)).ok);
    agent.letGo();
    await second.api.reaches(id, 'completed', 30_000);
    await second.api.reaches(other, 'completed');
    const events = await first.api.events(id);
    expect(events.map(({ event_type }) => event_type)).toEqual([
      ...['WorkflowStarted', 'StepStarted', 'StepInterrupted', 'StepStarted', 'StepCompleted'],
      ...['StepStarted', 'StepCompleted', 'WorkflowCompleted'],
    ]);
    expect(events.find(({ event_type }) => event_type === 'StepCompleted').data.attempt).toBe(2);
    expect(agent.calls).toHaveLength(5);
  }, 60_000);
});
