/** Between an agent's 202 and its report instances may come and go: the attempt does not depend on them. */
import { rm } from 'node:fs/promises';
import { startAgentServer, succeed, type AgentServer } from '../support/agent-server.js';
import { report, startDeferringAgent, type Task } from '../support/deferring-agent.js';
import { eventually } from '../support/eventually.js';
import { definitionsDir } from './support/definitions.js';
import { openCluster, type Cluster } from './support/cluster.js';
import type { Instance } from './support/instance.js';

const START = { project_id: 'p-1', document_type: 'test', triggered_by: 'ann' };
const COMPLETE = { type: 'complete', data: { long: 'done' } };

let cluster: Cluster;
let agent: Awaited<ReturnType<typeof startDeferringAgent>>;
let quick: AgentServer;

beforeEach(async () => {
  [agent, quick] = await Promise.all([
    startDeferringAgent(),
    startAgentServer(({ input }) => succeed({ [input.step]: 'done' })),
  ]);
  const steps = [
    { name: 'long', agent: 'long', heartbeat_timeout_seconds: 30 },
    { name: 'last', agent: 'last' },
  ];
  const urls = { AGENT_LONG_URL: `${agent.url}/long`, AGENT_LAST_URL: `${quick.url}/last` };
  cluster = await openCluster(steps, { SHUTDOWN_GRACE_MS: '300', LOG_LEVEL: 'verbose', ...urls });
});
afterEach(async () => {
  await cluster.close();
  await Promise.all([agent.close(), quick.close()]);
});

const start = (env: Record<string, string> = {}) => cluster.start(env);

const taken = async ({ api }: Instance): Promise<Readonly<{ id: string; task: Task }>> => {
  const id = await api.start(START);
  await eventually(async () => (await api.eventTypes(id)).includes('StepDeferred'));
  return { id, task: agent.tasks[0]! };
};

const UNINTERRUPTED = [
  ...['WorkflowStarted', 'StepStarted', 'StepDeferred', 'StepCompleted'],
  ...['StepStarted', 'StepCompleted', 'WorkflowCompleted'],
];

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'an instance ended by %s between the 202 and the report interrupts nothing; the task token works after the restart',
  async (signal) => {
    const first = await start();
    const { id, task } = await taken(first);
    await first.child.kill(signal);

    const second = await start();
    // Twice the worker timeout, after which the second instance would take the first for gone.
    const until = Date.now() + 2_000;
    await eventually(async () => {
      expect(await second.api.eventTypes(id)).toEqual(UNINTERRUPTED.slice(0, 3));
      return Date.now() > until;
    });
    expect(await report(task, COMPLETE, second.api.url)).toMatchObject({ status: 200 });
    await second.api.reaches(id, 'completed');
    expect(await second.api.eventTypes(id)).toEqual(UNINTERRUPTED);
    expect(agent.tasks).toHaveLength(1);
    expect([first, second].map(({ child }) => child.output()).join('')).not.toContain(task.token);
  },
  60_000,
);

test('the next instance notices once that an agent was silent while no instance ran', async () => {
  const strict = await definitionsDir([{ name: 'long', agent: 'long', heartbeat_timeout_seconds: 3 }]);
  try {
    const first = await start({ DEFINITIONS_DIR: strict });
    const { id, task } = await taken(first);
    await first.child.kill('SIGKILL');

    const second = await start({ DEFINITIONS_DIR: strict });
    await eventually(() => agent.tasks.length === 2);
    expect(await report(agent.tasks[1]!, COMPLETE)).toMatchObject({ status: 200 });
    expect(await report(task, COMPLETE, second.api.url)).toMatchObject({ status: 410 });
    await second.api.reaches(id, 'completed');
    const events = await second.api.events(id);
    const failed = events.filter(({ event_type }) => event_type === 'StepFailed');
    expect(failed).toMatchObject([{ data: { attempt: 1, error: { code: 'HEARTBEAT_TIMEOUT' } } }]);
    expect(events.map(({ event_type }) => event_type)).not.toContain('StepInterrupted');
  } finally {
    await rm(strict, { recursive: true });
  }
}, 60_000);

/** The Location and Link headers of answers. */
const publicPaths = async (url: string, id: string) => {
  const header = async (name: string, path: string, body?: object) => {
    const given = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    return (await fetch(`${url}${path}`, body ? given : {})).headers.get(name);
  };
  const [reason, rebuilds] = ['a trial', '/api/v1/admin/projections'];
  return {
    start: await header('location', '/api/v1/workflow/start', { ...START, auto_execute: false }),
    // For an execution that has ended: the application sends nothing there.
    webhook: await header('location', '/api/v1/workflow/webhooks', { url: 'https://hooks.example', execution_id: id }),
    rebuild: await header('location', `${rebuilds}/workflow_steps/rebuilds`, { reason }),
    rebuilds: await header('location', `${rebuilds}/all/rebuilds`, { reason }),
    next: await header('link', `/api/v1/workflow/${id}/events?limit=1`),
  };
};

test('any instance takes an agent’s report, and runs the next step itself', async () => {
  const first = await start({ PUBLIC_URL: 'https://executor.example/base' });
  const second = await start();
  const { id, task } = await taken(first);
  expect(task.url).toBe(`https://executor.example/base/api/v1/workflow/tasks/${task.token}`);
  expect(await report(task, { type: 'heartbeat', percent: 10 }, second.api.url)).toMatchObject({ status: 200 });
  expect(await report(task, COMPLETE, second.api.url)).toMatchObject({ status: 200 });
  await first.api.reaches(id, 'completed');
  const workers = (await first.api.events(id))
    .filter(({ event_type }) => event_type === 'StepStarted')
    .map(({ data }) => data.worker);
  expect(new Set(workers).size).toBe(2);
  // The instance that issued the token gives the same answers.
  expect(await report(task, COMPLETE, first.api.url)).toMatchObject({ status: 200 });
  expect(await report(task, { type: 'heartbeat' }, first.api.url)).toMatchObject({ status: 410 });
  expect(await publicPaths(first.api.url, id)).toEqual({
    start: expect.stringMatching(/^\/base\/api\/v1\/workflow\?execution_id=/),
    webhook: expect.stringMatching(/^\/base\/api\/v1\/workflow\/webhooks\//),
    rebuild: expect.stringMatching(/^\/base\/api\/v1\/admin\/projections\/workflow_steps\/rebuilds\//),
    rebuilds: '/base/api/v1/admin/projections',
    next: expect.stringMatching(/^<\/base\/api\/v1\/workflow\/[^>]*cursor=[^>]*>; rel="next"$/),
  });
}, 60_000);
