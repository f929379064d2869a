/** Answers that are ready while the log is away: none is lost, and no agent is asked twice, as long as there is room. */
import { NotReady } from '../../../src/application/runtime/errors.js';
import { answerOf, nameOf, refOf, textOf } from '../../../src/application/saga/answers.js';
import { stepId } from '../../../src/application/log/ids.js';
import { answers, EXECUTION, fails, lineTo, onDemand, step, world } from '../../support/saga-world.js';
import { settle } from '../../../src/testing/real-time.js';

const MINUTE = 60_000;
const executions = Array.from({ length: 50 }, (_, n) => `11111111-1111-4111-8111-1111111111${String(n + 10)}`);
const slow = (name: string) => step(name, { timeoutMs: 60 * MINUTE });

/** Each execution has a step whose agent works, and the log goes away. */
const fiftyInFlight = async (limits: Parameters<ReturnType<typeof world>['instance']>[1] = {}) => {
  const agent = onDemand();
  const w = world([slow('a')], agent.behave);
  const line = lineTo(w.log);
  const started = { concurrentSteps: 50, ...limits };
  const first = w.instance('w1', started, undefined, line.line);
  for (const id of executions) await first.saga.submit(id, w.start(id));
  await settle();
  expect(w.agents.calls).toHaveLength(50);
  line.isAway = true;
  agent.answer(answers({ text: 'an answer that cost money' }));
  const ends = () => Promise.all(executions.map((id) => w.types(id)));
  return { ...w, w, line, started, first, ends };
};
const COMPLETED = ['WorkflowStarted', 'StepStarted', 'StepCompleted', 'WorkflowCompleted'];

test('50 answers are ready while the log is away for 10 minutes: all are recorded, none is asked for again', async () => {
  const { clock, line, files, notices, errors, agents, ends } = await fiftyInFlight();
  await clock.pass(10 * MINUTE);
  expect(files.texts.size).toBe(50);
  line.isAway = false;
  await clock.pass(10_000);
  expect(await ends()).toEqual(executions.map(() => COMPLETED));
  expect(agents.calls).toHaveLength(50);
  expect(files.texts.size).toBe(0);
  expect(notices).toEqual([
    expect.stringContaining('Results wait to be recorded'),
    'No results wait any longer: 50 answers of agents had been kept',
  ]);
  expect(errors).toEqual([]);
});

test('an instance that is killed meanwhile has left them on the disk: the next one records them', async () => {
  const { clock, line, files, agents, ends, w, started } = await fiftyInFlight();
  await clock.pass(2 * MINUTE);
  line.isDead = true;
  const after = lineTo(w.log);
  after.isAway = true;
  const next = w.instance('w2', started, undefined, after.line);
  await next.saga.begin();
  next.saga.aliveWorkers(new Set(['w2']));
  await clock.pass(2 * MINUTE);
  after.isAway = false;
  for (const id of executions) void next.saga.wake(id);
  await clock.pass(30_000);
  expect(await ends()).toEqual(executions.map(() => COMPLETED));
  expect(agents.calls).toHaveLength(50);
  expect(files.texts.size).toBe(0);
});

test('with no room in memory they are read from the disk', async () => {
  const { clock, line, agents, ends } = await fiftyInFlight({ memoryBytes: 0 });
  await clock.pass(2 * MINUTE);
  line.isAway = false;
  await clock.pass(10_000);
  expect(await ends()).toEqual(executions.map(() => COMPLETED));
  expect(agents.calls).toHaveLength(50);
});

test('with no room on the disk either, the rest is asked for again; one line says so', async () => {
  const { clock, line, notices, agents, ends } = await fiftyInFlight({ memoryBytes: 10 * 4096, diskBytes: 30 * 4096 });
  await clock.pass(MINUTE);
  line.isAway = false;
  await clock.pass(30_000);
  expect((await ends()).map((types) => types.at(-1))).toEqual(executions.map(() => 'WorkflowCompleted'));
  expect(agents.calls).toHaveLength(50 + 20);
  expect(notices.filter((line) => line.includes('no room for the answer'))).toEqual([
    expect.stringMatching(/40960 bytes .* \(KEPT_ANSWERS_MEMORY_BYTES\) and 122880 .* \(KEPT_ANSWERS_DISK_BYTES\)/),
  ]);
  expect(notices.at(-1)).toContain('20 had no room');
});

test('a disk that takes nothing leaves them in memory', async () => {
  const { clock, line, files, errors, agents, ends } = await fiftyInFlight();
  files.write = () => Promise.reject(new Error('ENOSPC: no space left on device'));
  await clock.pass(2 * MINUTE);
  expect(errors[0]).toMatch(/cannot be kept on the disk. It is kept in memory.*ENOSPC/);
  line.isAway = false;
  await clock.pass(10_000);
  expect(await ends()).toEqual(executions.map(() => COMPLETED));
  expect(agents.calls).toHaveLength(50);
});

test('an answer that could not be recorded for hours is dropped', async () => {
  const { clock, line, notices, agents, files } = await fiftyInFlight({ keepMs: 6 * MINUTE });
  await clock.pass(7 * MINUTE);
  expect(files.texts.size).toBe(0);
  expect(notices).toContainEqual(expect.stringContaining('0.1 h (KEPT_ANSWERS_HOURS)'));
  line.isAway = false;
  await clock.pass(30_000);
  expect(agents.calls).toHaveLength(50 + 50);
});

/** One execution; the log goes away before its agent answers, for this instance alone. */
const one = async (steps = [slow('a')]) => {
  const agent = onDemand();
  const w = world(steps, ({ input }) =>
    input.attempt === 1 ? agent.behave() : Promise.resolve(answers({ a: 'again' })),
  );
  const line = lineTo(w.log);
  const first = w.instance('w1', {}, undefined, line.line);
  await first.saga.submit(EXECUTION, w.start());
  await settle();
  line.isAway = true;
  return { ...w, w, agent, line, first };
};

test('the answer counts although its deadline passes while the log is away; no other instance says it timed out', async () => {
  const { w, agent, line, clock, types } = await one([step('a', { timeoutMs: MINUTE })]);
  const others = lineTo(w.log);
  others.isAway = true;
  const other = w.instance('w2', {}, undefined, others.line);
  agent.answer(answers());
  await clock.pass(5 * MINUTE);
  // The other has seen that the log is away: it was asked to do something.
  void other.saga.submit(EXECUTION, w.order({ type: 'PauseWorkflow', data: {} })).catch(() => undefined);
  await clock.pass(5_000);
  others.isAway = false;
  await other.saga.wake(EXECUTION);
  line.isAway = false;
  await clock.pass(60_000);
  expect(await types()).toEqual(COMPLETED);
});

test.each([
  ['cancelled', { type: 'CancelWorkflow', data: {} }, ['WorkflowCancelled']],
  [
    'retried',
    { type: 'RetryStep', data: { stepId: stepId(EXECUTION, 'a') } },
    ['StepRetryRequested', 'StepStarted', 'StepCompleted', 'WorkflowCompleted'],
  ],
] as const)(
  'an answer of an attempt that was %s meanwhile, by way of another instance, changes nothing',
  async (_, command, events) => {
    const { w, agent, line, clock, types, files, dataOf } = await one();
    agent.answer(answers({ a: 'too late' }));
    await clock.pass(MINUTE);
    const other = w.instance('w2');
    await other.saga.submit(EXECUTION, w.order(command));
    await settle();
    line.isAway = false;
    await clock.pass(30_000);
    expect((await types()).slice(2)).toEqual(events);
    expect(JSON.stringify(await dataOf('StepCompleted'))).not.toContain('too late');
    expect(files.texts.size).toBe(0);
  },
);

test('an instance that stops while the log is away leaves its answers for the next start, and waits for one try at most', async () => {
  const { w, agent, first, clock, files, types, agents } = await one();
  agent.answer(answers());
  await clock.pass(MINUTE);
  const stopped = first.saga.stop(10_000);
  await clock.pass(5_000);
  await stopped;
  expect(files.texts.size).toBe(1);
  const next = w.instance('w2');
  await next.saga.begin();
  await clock.pass(1_000);
  expect(await types()).toEqual(COMPLETED);
  expect(agents.calls).toHaveLength(1);
});

test('a failure that an agent answered with is kept, too: a refusal is not asked for twice', async () => {
  const { agent, line, clock, types, agents } = await one();
  agent.answer(fails('validation'));
  await clock.pass(2 * MINUTE);
  line.isAway = false;
  await clock.pass(10_000);
  expect((await types()).slice(2)).toEqual(['StepFailed', 'WorkflowFailed']);
  expect(agents.calls).toHaveLength(1);
});

test('an artifact store that is away keeps the answer as the log does', async () => {
  const agent = onDemand();
  const w = world([slow('a')], agent.behave);
  const put = w.artifacts.put.bind(w.artifacts);
  await w.instance('w1', { inlineOutputBytes: 10 }).saga.submit(EXECUTION, w.start());
  w.artifacts.put = () => Promise.reject(new NotReady('The database cannot be reached'));
  agent.answer(answers({ text: 'x'.repeat(1_000) }));
  await w.clock.pass(5 * MINUTE);
  expect(w.files.texts.size).toBe(1);
  w.artifacts.put = put;
  await w.clock.pass(10_000);
  expect(await w.types()).toEqual(COMPLETED);
  expect(w.agents.calls).toHaveLength(1);
});

test('a kept answer that cannot be read stays where it is, and the step goes its way', async () => {
  const { w, agent, line, clock, files, errors, types } = await one();
  agent.answer(answers());
  await clock.pass(MINUTE);
  line.isDead = true;
  const [name] = [...files.texts.keys()];
  files.texts.set(name!, '{"version": 1');
  const next = w.instance('w2');
  await next.saga.begin();
  next.saga.aliveWorkers(new Set(['w2']));
  await next.saga.wake(EXECUTION);
  await clock.pass(10_000);
  await next.saga.wake(EXECUTION);
  await settle();
  expect(errors).toContainEqual(expect.stringContaining('cannot be read. Its file stays'));
  expect(files.texts.size).toBe(1);
  expect((await types()).slice(2)).toEqual(['StepInterrupted', 'StepStarted', 'StepCompleted', 'WorkflowCompleted']);
});

test('answers are read as they were written, and other names are none of theirs', () => {
  const ref = { executionId: EXECUTION, stepId: stepId(EXECUTION, 'a'), attempt: 12 };
  const context = { step: 'a', agent: null, at: new Date('2030-01-01T00:00:00.123Z'), commandId: null };
  const of = { ...ref, ...context, causationId: null, traceparent: '00-1-2-01' };
  const content = Buffer.from([0, 255, 1, 254]);
  const artifacts = [{ name: 'a.bin', contentType: 'application/octet-stream', content }];
  const replies = [
    { success: true, data: { a: [1, { b: null }] }, metadata: { m: 'é' }, artifacts },
    fails('transient', 2_000),
    { deferred: true },
  ] as const;
  for (const reply of replies) expect(answerOf(textOf({ ...of, reply }))).toEqual({ ...of, reply });
  expect(refOf(nameOf(ref))).toEqual(ref);
  expect(refOf('notes')).toBeNull();
});
