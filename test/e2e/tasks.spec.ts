/** Agents that answer 202 and report later, over real HTTP, with the whole application in this process. */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startAgentServer, succeed, type AgentServer } from '../support/agent-server.js';
import { accept, report, startDeferringAgent, type Task } from '../support/deferring-agent.js';
import { eventually } from '../support/eventually.js';
import { definitionsDir } from './support/definitions.js';
import { startTestApp, type TestApp } from './support/test-app.js';

const START = { project_id: 'p-1', document_type: 'test', triggered_by: 'ann' };

let agent: Awaited<ReturnType<typeof startDeferringAgent>>;
let quick: AgentServer;
let definitions: string;
let app: TestApp;
let before: (task: Task) => Promise<unknown>;

beforeAll(async () => {
  before = async () => undefined;
  agent = await startDeferringAgent((task) => before(task));
  quick = await startAgentServer(({ input }, response) => {
    if (input.project_id !== 'takes-nothing') return succeed({ [input.step]: 'done' });
    accept(response, { queued: true });
    return undefined;
  });
  const long = { name: 'long', agent: 'long', weight: 8, retry: { initial_interval_ms: 1 } };
  definitions = await definitionsDir([
    { ...long, heartbeat_timeout_seconds: 30 },
    { name: 'last', agent: 'last', weight: 2, max_retries: 0 },
  ]);
  const beating = { ...long, heartbeat_timeout_seconds: 2 };
  for (const [name, minutes] of [
    ['beating', 1],
    ['strict', 0.1],
  ] as const) {
    const steps = [{ ...beating, timeout_minutes: minutes }];
    await writeFile(path.join(definitions, `${name}.json`), JSON.stringify({ name, steps }));
  }
  app = await startTestApp({
    DEFINITIONS_DIR: definitions,
    AGENT_LONG_URL: `${agent.url}/long`,
    AGENT_LAST_URL: `${quick.url}/last`,
    INLINE_OUTPUT_BYTES: '1000',
    AGENT_MAX_RESPONSE_BYTES: '100000',
    SAGA_SWEEP_INTERVAL_MS: '100',
  });
});
afterAll(async () => {
  await app.close();
  await Promise.all([agent.close(), quick.close(), rm(definitions, { recursive: true })]);
});
beforeEach(() => (before = async () => undefined));

const taskOf = (executionId: string, attempt = 1): Promise<Task> =>
  eventually(
    () => agent.tasks.find(({ input }) => input.execution_id === executionId && input.attempt === attempt) ?? false,
  );

const began = async (more: Record<string, unknown> = {}) => {
  const id = await app.api.start({ ...START, ...more });
  const task = await taskOf(id);
  return { id, task };
};

/** Starts an execution and waits until the executor has recorded that the agent took the task. */
const taken = async (more: Record<string, unknown> = {}) => {
  const { id, task } = await began(more);
  await eventually(async () => (await app.api.eventTypes(id)).includes('StepDeferred'));
  return { id, task };
};

/** The first StepFailed, once the read tables show it. */
const failureOf = (id: string) =>
  eventually(async () => (await app.api.events(id)).find(({ event_type }) => event_type === 'StepFailed') ?? false);

const complete = { type: 'complete', data: { long: 'done' }, metadata: { model_used: 'm' } };

describe('an agent that takes its task', () => {
  test('reports its progress, then its result; the next step follows in the same append', async () => {
    const { id, task } = await taken();
    expect(task.url).toBe(`${app.api.url}/api/v1/workflow/tasks/${task.token}`);
    const answer = await report(task, { type: 'heartbeat', percent: 40, message: 'section 4 of 10' });
    expect(answer).toEqual({
      status: 200,
      body: {
        success: true,
        data: { continue: true, deadline_at: expect.any(String), heartbeat_due_at: expect.any(String) },
      },
    });
    await eventually(async () => {
      const { execution, steps } = await app.api.details(id);
      expect(execution).toMatchObject({ current_state: 'long_running', percent_complete: 32, worker: null });
      expect(steps[0]).toMatchObject({
        ...{ status: 'running', progress_percent: 40, progress_message: 'section 4 of 10', worker: null },
        ...{ deferred_at: expect.any(String), heartbeat_due_at: answer.body.data.heartbeat_due_at },
      });
    });

    const large = 'x'.repeat(5_000);
    const artifacts = [{ name: 'note.txt', content_type: 'text/plain', content_base64: 'aGVsbG8=' }];
    const answered = await report(task, { ...complete, data: { long: 'done', large }, artifacts });
    expect(answered).toEqual({ status: 200, body: { success: true, data: { continue: false } } });
    const { execution, steps } = await app.api.reaches(id, 'completed');
    expect(await app.api.eventTypes(id)).toEqual([
      ...['WorkflowStarted', 'StepStarted', 'StepDeferred', 'StepProgressed', 'StepCompleted'],
      ...['StepStarted', 'StepCompleted', 'WorkflowCompleted'],
    ]);
    const events = await app.api.events(id);
    expect(events[5].causation_id).toBe(events[4].id);
    expect(events.slice(2, 5).map(({ actor }) => actor)).toEqual(Array(3).fill({ type: 'agent', id: 'long' }));
    expect(execution.checkpoint_data.intermediate_results.large).toMatchObject({ artifact: 'long/large' });
    expect(steps[0]).toMatchObject({ agent_metadata: { model_used: 'm' }, artifacts: [{ name: 'note.txt' }] });
    const second = quick.calls.find(({ input }) => input.execution_id === id);
    expect(second?.input.checkpoint.intermediate_results).toEqual({ long: 'done', large, last: undefined });
  });

  test('may report a failure: its error decides on a retry as a direct answer does, and the next attempt has a token of its own', async () => {
    const { id, task } = await taken();
    const error = { type: 'transient', code: 'MODEL_BUSY', message: 'later' };
    expect(await report(task, { type: 'fail', error, retry_after_ms: 5 })).toMatchObject({ status: 200 });
    const second = await taskOf(id, 2);
    expect(second.token).not.toBe(task.token);
    expect(second.idempotencyKey).toBe(task.idempotencyKey);
    // The same report is answered the same way; another report is too late.
    expect(await report(task, { type: 'fail', error })).toMatchObject({ status: 200 });
    expect(await report(task, complete)).toMatchObject({
      status: 410,
      body: { error: { code: 'ATTEMPT_OVER', details: { continue: false, reason: 'replaced' } } },
    });
    expect(await report(second, complete)).toMatchObject({ status: 200 });
    await app.api.reaches(id, 'completed');
    const failed = await failureOf(id);
    expect(failed.data).toMatchObject({ error, decision: { delayMs: 5, delaySource: 'retry_after' } });
  });

  test('may report its result before the executor has read its 202: the result counts once', async () => {
    before = (task) => report(task, complete);
    const id = await app.api.start(START);
    await app.api.reaches(id, 'completed');
    const types = await app.api.eventTypes(id);
    expect(types.filter((type) => type === 'StepCompleted')).toHaveLength(2);
    expect(types).not.toContain('StepDeferred');
    expect(types).not.toContain('StepFailed');
  });

  test('may report its result repeatedly: one event, and the same answer each time', async () => {
    const { id, task } = await taken();
    const answers = await Promise.all([1, 2, 3].map(() => report(task, complete)));
    await app.api.reaches(id, 'completed');
    answers.push(await report(task, { ...complete, data: { long: 'something else' } }));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 200, body: { data: { continue: false } } });
    const { execution } = await app.api.details(id);
    expect(execution.checkpoint_data.intermediate_results.long).toBe('done');
    expect((await app.api.eventTypes(id)).filter((type) => type === 'StepCompleted')).toHaveLength(2);
  });

  test('fails its attempt when it is silent for the heartbeat timeout, and not while it sends heartbeats', async () => {
    const { id, task } = await taken({ document_type: 'beating' });
    const until = Date.now() + 3_000;
    await eventually(async () => {
      expect(await report(task, { type: 'heartbeat' })).toMatchObject({ status: 200 });
      return Date.now() > until;
    });
    const types = await app.api.eventTypes(id);
    expect(types).not.toContain('StepFailed');
    // The agent sent some hundred heartbeats; one for each quarter of the timeout is recorded.
    expect(types.filter((type) => type === 'StepProgressed').length).toBeLessThan(9);

    await taskOf(id, 2);
    const failed = await failureOf(id);
    expect(failed).toMatchObject({
      actor: { type: 'system' },
      data: { error: { type: 'transient', code: 'HEARTBEAT_TIMEOUT' } },
    });
    expect(failed.data.durationMs).toBeGreaterThanOrEqual(4_500);
    expect(await report(task, { type: 'heartbeat' })).toMatchObject({ status: 410 });
    await app.api.control(id, 'cancel');
  }, 20_000);

  test('that sends heartbeats for ever still has its deadline', async () => {
    const { id, task } = await taken({ document_type: 'strict' });
    await eventually(async () => (await report(task, { type: 'heartbeat', percent: 1 })).status === 410, {
      everyMs: 200,
    });
    const failed = await failureOf(id);
    expect(failed.data).toMatchObject({ error: { code: 'TIMEOUT' } });
    expect(failed.data.durationMs).toBeGreaterThanOrEqual(6_000);
    await app.api.control(id, 'cancel');
  }, 20_000);
});

describe('an operator’s command while an agent works', () => {
  test('cancel: the agent’s next report is answered 410, cancelled', async () => {
    const { id, task } = await taken();
    await app.api.control(id, 'cancel');
    for (const body of [{ type: 'heartbeat' }, complete]) {
      expect(await report(task, body)).toMatchObject({
        status: 410,
        body: { error: { code: 'ATTEMPT_OVER', details: { continue: false, reason: 'cancelled' } } },
      });
    }
    await app.api.reaches(id, 'cancelled');
    expect((await app.api.eventTypes(id)).at(-1)).toBe('WorkflowCancelled');
  });

  test('retry: the token of the abandoned attempt is refused, the new token works', async () => {
    const { id, task } = await taken();
    const { steps } = await app.api.details(id);
    await app.api.control(id, 'retry', { step_id: steps[0].id });
    const second = await taskOf(id, 2);
    expect(await report(task, complete)).toMatchObject({
      status: 410,
      body: { error: { details: { reason: 'replaced' } } },
    });
    expect(await report(second, complete)).toMatchObject({ status: 200 });
    await app.api.reaches(id, 'completed');
  });

  test('pause: the agent’s result is recorded, and the next step waits for the resume', async () => {
    const { id, task } = await taken();
    await app.api.control(id, 'pause');
    expect(await report(task, { type: 'heartbeat', percent: 50 })).toMatchObject({ status: 200 });
    expect(await report(task, complete)).toMatchObject({ status: 200 });
    await eventually(async () => (await app.api.eventTypes(id)).at(-1) === 'StepCompleted');
    await app.api.control(id, 'resume');
    await app.api.reaches(id, 'completed');
  });
});

describe('a task token', () => {
  test('that was not issued is answered 404, whatever is wrong with it, and the body of its report is not read', async () => {
    const { id, task } = await taken();
    const { token } = task;
    const bytes = Buffer.from(token, 'base64url');
    const changed = (index: number) => {
      const copy = Buffer.from(bytes);
      copy[index]! ^= 1;
      return copy.toString('base64url');
    };
    const forged = [
      ...[0, 31, 32, 40, 51, bytes.length - 1].map(changed),
      ...[token.slice(1), `${token}A`, `${token}==`, token.toLowerCase(), 'x', 'a'.repeat(2_000), '%00', id],
      bytes.subarray(32).toString('base64url'),
    ];
    const seen = new Set<string>();
    for (const candidate of forged) {
      const { status, body } = await report({ ...task, token: candidate }, { type: 'nonsense' }, app.api.url);
      seen.add(JSON.stringify({ status, body }));
    }
    expect([...seen].map((text) => JSON.parse(text) as unknown)).toEqual([
      {
        status: 404,
        body: { success: false, error: { code: 'NOT_FOUND', message: 'There is no such task', details: {} } },
      },
    ]);
    expect(await report(task, { type: 'heartbeat' })).toMatchObject({ status: 200 });
    await app.api.control(id, 'cancel');
  });

  test('appears nowhere in the history, not even when the agent repeats it', async () => {
    const { id, task } = await taken();
    await report(task, { type: 'heartbeat', percent: 3, message: `I am ${task.token}` });
    const text = await eventually(async () => {
      const all = JSON.stringify([await app.api.events(id), await app.api.details(id)]);
      return all.includes('I am [task token]') && all;
    });
    expect(text).not.toContain(task.token);
    await app.api.control(id, 'cancel');
  });

  test('accepts no report that is invalid as a direct answer: the agent gets the error and may try again', async () => {
    const { id, task } = await taken();
    const bad = [
      {},
      { type: 'cancel' },
      { type: 'heartbeat', percent: 101 },
      { type: 'heartbeat', percent: '50' },
      { type: 'heartbeat', progress: 50 },
      { type: 'complete', artifacts: [{ name: '../x', content_type: 'text/plain', content_base64: '' }] },
      { type: 'complete', metadata: 7 },
      { type: 'fail' },
      { type: 'fail', error: { type: 'odd', message: 'x', code: 'X' } },
      { type: 'fail', error: { type: 'fatal', message: 'x', code: 'X' }, retry_after_ms: -1 },
    ];
    for (const body of bad) {
      expect(await report(task, body)).toMatchObject({ status: 400, body: { error: { code: 'INVALID_REPORT' } } });
    }
    expect(await report(task, { ...complete, data: { long: 'x'.repeat(100_000) } })).toMatchObject({
      status: 413,
      body: { error: { code: 'BODY_TOO_LARGE' } },
    });
    expect(await report(task, complete)).toMatchObject({ status: 200 });
    await app.api.reaches(id, 'completed');
    expect(await app.api.eventTypes(id)).toEqual([
      ...['WorkflowStarted', 'StepStarted', 'StepDeferred', 'StepCompleted'],
      ...['StepStarted', 'StepCompleted', 'WorkflowCompleted'],
    ]);
  });

  test('has to be repeated in the 202: a 202 without it is an invalid answer', async () => {
    const { id, task } = await began({ project_id: 'takes-nothing' });
    await report(task, complete);
    const { execution } = await app.api.reaches(id, 'failed');
    expect(execution).toMatchObject({ error_type: 'transient', error_code: 'INVALID_ANSWER' });
  });
});
