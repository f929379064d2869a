import { failWith, startAgentServer, succeed, type Answer, type AgentServer } from '../support/agent-server.js';
import { eventually } from '../support/eventually.js';
import { isAlive, openCluster, type Cluster } from './support/cluster.js';

const START = { project_id: 'p-1', document_type: 'test', triggered_by: 'ann' };

let agent: AgentServer;
let answer: Answer;
let cluster: Cluster;

const start = () => cluster.start();

/** The instance that the previous test has left running, or a new one: a start takes seconds. */
const living = async () => cluster.instances.find(isAlive) ?? (await start());

beforeAll(async () => {
  agent = await startAgentServer((call, response) => answer(call, response));
  const steps = ['first', 'second'].map((name) => ({ name, agent: name }));
  const urls = { AGENT_FIRST_URL: `${agent.url}/first`, AGENT_SECOND_URL: `${agent.url}/second` };
  cluster = await openCluster(steps, { SHUTDOWN_GRACE_MS: '300', ...urls });
});
beforeEach(() => {
  answer = ({ input }) => succeed({ [input.step]: 'done' });
  agent.forgetCalls();
});
afterAll(async () => {
  await cluster.close();
  await agent.close();
}, 60_000);

test('an execution whose instance is killed in the middle of a step continues after a restart: same key, no retry spent', async () => {
  answer = () => undefined;
  const first = await living();
  const id = await first.api.start(START);
  await eventually(() => agent.calls.length === 1);
  await first.child.kill('SIGKILL');

  answer = ({ input }) => succeed({ [input.step]: 'done' });
  const second = await start();
  const { steps } = await second.api.reaches(id, 'completed');
  expect(await second.api.eventTypes(id)).toEqual([
    'WorkflowStarted',
    'StepStarted',
    'StepInterrupted',
    'StepStarted',
    'StepCompleted',
    'StepStarted',
    'StepCompleted',
    'WorkflowCompleted',
  ]);
  const keys = agent.calls.filter(({ path }) => path === '/first').map(({ headers }) => headers['idempotency-key']);
  expect(keys).toEqual([`${id}:first:1`, `${id}:first:1`]);
  expect(steps[0]).toMatchObject({ step_name: 'first', attempt: 2, retry_count: 0 });
}, 60_000);

test('an instance that gets SIGTERM in the middle of a step hands the step over at once and exits with 0', async () => {
  answer = () => undefined;
  const first = await living();
  const id = await first.api.start(START);
  await eventually(() => agent.calls.length === 1);
  await first.child.kill('SIGTERM');
  expect(first.child.process.exitCode).toBe(0);
  await eventually(() => agent.calls[0]?.aborted() ?? false);

  answer = ({ input }) => succeed({ [input.step]: 'done' });
  const second = await start();
  await second.api.reaches(id, 'completed');
  const interrupted = (await second.api.events(id)).find(({ event_type }) => event_type === 'StepInterrupted');
  expect(interrupted.data).toMatchObject({ step: 'first', cause: 'shutdown' });
}, 60_000);

test('a retry that came due while no instance ran is made once, after the restart', async () => {
  answer = () => failWith('transient');
  const first = await living();
  const id = await first.api.start(START);
  await eventually(async () => (await first.api.details(id)).steps[0].status === 'waiting');
  await first.child.kill('SIGKILL');
  const before = agent.calls.length;

  answer = ({ input }) => succeed({ [input.step]: 'done' });
  const second = await start();
  await second.api.reaches(id, 'completed');
  expect(agent.calls.filter(({ path }) => path === '/first')).toHaveLength(before + 1);
}, 60_000);

test('acknowledged starts survive a kill of their instance', async () => {
  answer = () => undefined;
  const first = await living();
  const ids = await Promise.all(Array.from({ length: 10 }, () => first.api.start(START)));
  await first.child.kill('SIGKILL');
  answer = ({ input }) => succeed({ [input.step]: 'done' });
  const second = await start();
  for (const id of ids) await second.api.reaches(id, 'completed', 30_000);
}, 90_000);

// Last, as it leaves two instances running.
test('retries that come due while their instance stands still are made once, by the other instance, and not again when it goes on', async () => {
  let isBusy = true;
  answer = ({ input }) => (isBusy ? failWith('transient') : succeed({ [input.step]: 'done' }));
  const [first, second] = [await living(), await start()];
  const ids = await Promise.all(Array.from({ length: 5 }, () => first.api.start(START)));
  const isWaiting = async (id: string) => (await first.api.details(id)).steps[0].status === 'waiting';
  await eventually(async () => (await Promise.all(ids.map(isWaiting))).every(Boolean));
  first.child.process.kill('SIGSTOP');
  isBusy = false;
  for (const id of ids) await second.api.reaches(id, 'completed', 30_000);
  const done = agent.calls.length;
  first.child.process.kill('SIGCONT');
  // The first instance looks at all that was due to it; a new execution shows that it works again.
  await first.api.reaches(await first.api.start(START), 'completed', 30_000);
  expect(agent.calls).toHaveLength(done + 2);
  for (const id of ids) {
    const types = await first.api.eventTypes(id);
    expect(types.filter((type) => type === 'StepCompleted')).toHaveLength(2);
    expect(types.at(-1)).toBe('WorkflowCompleted');
    const attempts = agent.calls
      .filter(({ input }) => input.execution_id === id)
      .map(({ input }) => [input.step, input.attempt].join());
    expect(new Set(attempts).size).toBe(attempts.length);
  }
}, 90_000);
