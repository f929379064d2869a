/** Errors and delays as the guide has them, on a virtual clock, over the real log and database. */
import { rm } from 'node:fs/promises';
import { loadConfig } from '../../src/infrastructure/config/config.js';
import { startServer, type Server } from '../../src/composition/server.js';
import { failWith, startAgentServer, succeed, type AgentServer, type Answer } from '../support/agent-server.js';
import { eventually } from '../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { Api } from './support/api.js';
import { definitionsDir } from './support/definitions.js';

const START = { project_id: 'p-1', document_type: 'test' };

let database: TestDatabase;
let definitions: string;
let agent: AgentServer;
let answer: Answer;
let server: Server;
let clock: VirtualClock;
let api: Api;

beforeAll(async () => {
  [database, definitions, agent] = await Promise.all([
    createTestDatabase(),
    definitionsDir([
      { name: 'optional', agent: 'optional', required: false, retry_on_failure: false },
      { name: 'main', agent: 'main', timeout_minutes: 0.5 },
    ]),
    startAgentServer((call, response) => answer(call, response)),
  ]);
  clock = new VirtualClock();
  const config = loadConfig({
    PORT: '0',
    DATABASE_URL: database.url,
    DEFINITIONS_DIR: definitions,
    AGENT_OPTIONAL_URL: `${agent.url}/optional`,
    AGENT_MAIN_URL: `${agent.url}/main`,
    LOG_LEVEL: 'fatal',
  });
  server = await startServer(config, { clock });
  api = new Api(server.url);
}, 60_000);

afterAll(async () => {
  // The grace period of a stop runs on the virtual clock, too: let it pass.
  await Promise.all([server.stop(), clock.pass(60_000)]);
  await agent.close();
  await rm(definitions, { recursive: true });
  await database.drop();
}, 60_000);

/** Answers for step `main`; step `optional` succeeds. */
const main =
  (script: Answer): Answer =>
  (call, response) =>
    call.input.step === 'main' ? script(call, response) : succeed({ [call.input.step]: 'done' });

/** Moves the clock in steps until `check` holds: what happens in between needs real time too. */
const passUntil = (check: () => Promise<boolean>, stepMs = 250) =>
  eventually(async () => {
    await clock.pass(stepMs);
    return check();
  });

/** Reads the list: a read of one execution would wait for its row by the virtual clock, which stands still meanwhile. */
const stateOf = async (id: string): Promise<string | undefined> => {
  const { body } = await api.get('/api/v1/workflow/executions?limit=100');
  return body.data.executions.find((each: { id: string }) => each.id === id)?.current_state;
};
const attemptsOf = async (id: string) =>
  (await api.events(id)).filter(({ event_type, data }) => event_type === 'StepStarted' && data.step === 'main');

test('a transient error is retried after 1, 2 and 4 s, then step and workflow fail with type, code and message', async () => {
  answer = main(() => failWith('transient', 'UPSTREAM'));
  const id = await api.start(START);
  await passUntil(async () => (await stateOf(id)) === 'failed');
  const times = (await attemptsOf(id)).map(({ occurred_at }) => Date.parse(occurred_at));
  const failures = (await api.events(id)).filter(({ event_type }) => event_type === 'StepFailed');
  expect(failures.map(({ data }) => data.decision.delayMs)).toEqual([1_000, 2_000, 4_000, null]);
  const gaps = times.slice(1).map((time, index) => time - Date.parse(failures[index].occurred_at));
  expect(gaps.map((gap) => Math.floor(gap / 1_000))).toEqual([1, 2, 4]);
  const { execution, steps } = await api.details(id);
  const error = { error_type: 'transient', error_code: 'UPSTREAM', error_message: 'transient!' };
  expect(execution).toMatchObject(error);
  expect(steps[1]).toMatchObject({ ...error, status: 'failed', attempt: 4, retry_count: 3, max_retries: 3 });
});

test.each(['validation', 'fatal'])(
  'a %s error fails the workflow at once; a retry by the operator revives it',
  async (type) => {
    answer = main(() => failWith(type));
    const id = await api.start(START);
    await eventually(async () => (await stateOf(id)) === 'failed');
    const { steps } = await api.details(id);
    expect(steps[1]).toMatchObject({ status: 'failed', attempt: 1, error_type: type });
    answer = main(() => succeed());
    expect(await api.control(id, 'retry', { step_id: steps[1].id })).toMatchObject({ status: 200 });
    await eventually(async () => (await stateOf(id)) === 'completed');
    expect((await api.details(id)).execution).toMatchObject({ error_type: null, error_message: null });
    const keys = agent.calls.filter(({ input }) => input.execution_id === id && input.step === 'main');
    expect(keys.map(({ headers }) => headers['idempotency-key'])).toEqual([`${id}:main:1`, `${id}:main:2`]);
  },
);

test('an optional step that fails is skipped, and the workflow continues', async () => {
  answer = ({ input }) => (input.step === 'optional' ? failWith('transient') : succeed());
  const id = await api.start(START);
  await eventually(async () => (await stateOf(id)) === 'completed');
  expect((await api.details(id)).steps[0]).toMatchObject({ status: 'skipped', attempt: 1, error_type: 'transient' });
});

test('a step whose agent does not answer times out after timeout_minutes and is retried', async () => {
  answer = main(({ input }) => (input.attempt === 1 ? undefined : succeed()));
  const id = await api.start(START);
  const before = clock.now().getTime();
  await passUntil(async () => (await stateOf(id)) === 'completed', 1_000);
  expect(clock.now().getTime() - before).toBeGreaterThanOrEqual(30_000);
  const failed = (await api.events(id)).find(({ event_type }) => event_type === 'StepFailed');
  expect(failed.data.error).toMatchObject({ type: 'transient', code: 'TIMEOUT' });
  expect(failed.actor).toEqual({ type: 'system', id: 'workflow-saga' });
});

test('an agent’s Retry-After wins over the backoff delay', async () => {
  answer = main(({ input }, response) => {
    if (input.attempt > 1) return succeed();
    response.writeHead(429, { 'retry-after': '20' }).end('slow down');
  });
  const id = await api.start(START);
  await passUntil(async () => (await stateOf(id)) === 'completed', 1_000);
  const failed = (await api.events(id)).find(({ event_type }) => event_type === 'StepFailed');
  expect(failed.data.decision).toMatchObject({ rule: 'retry', delayMs: 20_000, delaySource: 'retry_after' });
  const [, second] = await attemptsOf(id);
  expect(Date.parse(second.occurred_at) - Date.parse(failed.occurred_at)).toBeGreaterThanOrEqual(20_000);
});
