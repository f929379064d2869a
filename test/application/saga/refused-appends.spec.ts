/** Appends that the log refuses for good: none is tried twice, and the execution shows what is wrong. */
import { AppendRefused, StreamTombstoned, type AppendRefusedReason } from '../../../src/application/log/event-log.js';
import type { AgentReply } from '../../../src/application/agents/agents.js';
import { workflowStream } from '../../../src/domain/workflow/index.js';
import { answers, EXECUTION, onDemand, step, world } from '../../support/saga-world.js';
import { settle } from '../../../src/testing/real-time.js';

const KIB = 1024;
const MAX_APPEND = 128 * KIB;
const steps = [step('a'), step('b')];

const withMetadata = (bytes: number): AgentReply => ({
  success: true,
  data: {},
  metadata: { trace: 'x'.repeat(bytes) },
  artifacts: [],
});

/** Counts the appends to the execution; those after `fails` has been called are refused. */
const counted = (w: ReturnType<typeof world>) => {
  const append = w.log.append.bind(w.log);
  const state = { appends: 0, refusal: null as ((bytes: number) => Error | null) | null };
  w.log.append = (stream, events, expected) => {
    if (stream === workflowStream(EXECUTION)) state.appends++;
    const error = state.refusal?.(Buffer.byteLength(JSON.stringify(events)));
    return error ? Promise.reject(error) : append(stream, events, expected);
  };
  return state;
};
const refused = (reason: AppendRefusedReason) => () => new AppendRefused(reason, `the server says ${reason}`);

describe('an answer that is too large', () => {
  test('metadata of 1.2 MB fails the step at once', async () => {
    const w = world(steps, async () => withMetadata(1_200_000));
    const log = counted(w);
    await w.instance('w1').saga.submit(EXECUTION, w.start(), { isNew: true });
    await w.clock.pass(60_000);
    expect(await w.types()).toEqual(['WorkflowStarted', 'StepStarted', 'StepFailed', 'WorkflowFailed']);
    expect((await w.dataOf('StepFailed'))[0]?.error).toMatchObject({ type: 'validation', code: 'METADATA_TOO_LARGE' });
    expect(log.appends).toBe(2);
  });

  test('a lower limit of the log lowers the bound of each part', async () => {
    const w = world(steps, async () => withMetadata(33 * KIB), MAX_APPEND);
    await w.instance('w1').saga.submit(EXECUTION, w.start(), { isNew: true });
    await settle();
    const [failed] = await w.dataOf('StepFailed');
    expect(failed?.error.message).toMatch(/at most 32768 bytes, got 338\d\d.*quarter of EVENTSTORE_MAX_APPEND_BYTES/);
  });

  test('parts that are within their bounds and do not fit together fail the step, with size, limit and setting', async () => {
    const artifacts = Array.from({ length: 200 }, (_, n) => ({
      name: `${n}-${'n'.repeat(120)}`,
      contentType: `text/${'t'.repeat(120)}`,
      content: Buffer.from('x'),
    }));
    const data = { text: 'y'.repeat(60 * KIB) };
    const metadata = { trace: 'x'.repeat(30 * KIB) };
    const w = world(steps, async () => ({ success: true, data, metadata, artifacts }), MAX_APPEND);
    const log = counted(w);
    await w.instance('w1').saga.submit(EXECUTION, w.start(), { isNew: true });
    await w.clock.pass(60_000);
    const [failed] = await w.dataOf('StepFailed');
    expect(failed?.error).toMatchObject({ type: 'validation', code: 'RESULT_TOO_LARGE' });
    expect(failed?.error.message).toMatch(
      /^Step "a": its result does not fit .* at most 131072 bytes together \(EVENTSTORE_MAX_APPEND_BYTES\), got 1\d{5}$/,
    );
    expect(log.appends).toBe(2);
    expect(w.errors).toEqual([]);
  });

  test('a server that takes less than the setting says fails the step with the same code', async () => {
    const w = world(steps, async () => withMetadata(100 * KIB));
    const log = counted(w);
    log.refusal = (bytes) => (bytes > 64 * KIB ? new AppendRefused('too-large', 'at most 65536 bytes') : null);
    await w.instance('w1').saga.submit(EXECUTION, w.start(), { isNew: true });
    await w.clock.pass(60_000);
    const [failed] = await w.dataOf('StepFailed');
    expect(failed?.error).toMatchObject({ code: 'RESULT_TOO_LARGE', message: expect.stringContaining('65536') });
    expect(log.appends).toBe(3);
    expect(await w.state()).toBe('failed');
  });

  test('a result that fits alone is appended alone, and the next step starts after it', async () => {
    const data = { text: 'y'.repeat(60 * KIB) };
    const w = world(
      steps,
      async ({ input }) => (input.step === 'a' ? { ...withMetadata(30 * KIB), data } : answers()) as AgentReply,
      MAX_APPEND,
    );
    const instance = w.instance('w1', { inlineOutputBytes: 64 * KIB });
    let first = true;
    const max = w.log.maxAppendBytes;
    // As much room as the result needs, and no more: found by the size of the one that was recorded.
    Object.defineProperty(w.log, 'maxAppendBytes', { get: () => (first ? max : sizeOfResult + 1_500) });
    const sizeOfResult = 60 * KIB + 30 * KIB;
    await instance.saga.submit(EXECUTION, w.start(), { isNew: true });
    first = false;
    const log = counted(w);
    await settle();
    expect((await w.types()).slice(2)).toEqual(['StepCompleted', 'StepStarted', 'StepCompleted', 'WorkflowCompleted']);
    expect(log.appends).toBe(3);
  });

  test('what a caller asks for is refused before the log is asked', async () => {
    const w = world(steps, async () => answers(), MAX_APPEND);
    const log = counted(w);
    const start = w.start();
    const { command, context } = start;
    const large = { ...command.data, metadata: { large: 'z'.repeat(200 * KIB) } };
    const submitted = w
      .instance('w1')
      .saga.submit(EXECUTION, { command: { type: 'StartWorkflow', data: large as never }, context });
    await expect(submitted).rejects.toMatchObject({
      reason: 'too-large',
      message: expect.stringMatching(/got 20\d{4}$/),
    });
    expect(log.appends).toBe(0);
  });
});

describe.each(['invalid', 'deleted'] as const)('an append that is %s', (reason) => {
  test('is not repeated: the execution is held back and says why, in one line', async () => {
    const agent = onDemand();
    const w = world(steps, agent.behave);
    const log = counted(w);
    const { saga, heldBack } = w.instance('w1');
    await saga.submit(EXECUTION, w.start(), { isNew: true });
    log.refusal = refused(reason);
    agent.answer(answers());
    await settle();
    for (let sweep = 0; sweep < 20; sweep++) {
      await w.clock.pass(2_000);
      await saga.wake(EXECUTION);
    }
    expect(log.appends).toBe(2);
    expect(heldBack.of(EXECUTION)).toMatchObject({ reason, message: `the server says ${reason}` });
    expect(w.errors).toEqual([`Execution ${EXECUTION} is not taken further: Error: the server says ${reason}`]);
  });
});

test('rights that are missing: one execution of those that wait is tried, less and less often, until the log takes it', async () => {
  const agent = onDemand();
  const w = world(steps, agent.behave);
  const log = counted(w);
  const { saga, heldBack } = w.instance('w1');
  await saga.submit(EXECUTION, w.start(), { isNew: true });
  log.refusal = refused('denied');
  agent.answer(answers());
  await settle();
  expect(heldBack.of(EXECUTION)).toMatchObject({ reason: 'denied', message: 'the server says denied' });
  const triesWithin = async (seconds: number) => {
    const before = log.appends;
    for (let second = 0; second < seconds; second++) await w.clock.pass(1_000);
    return log.appends - before;
  };
  // After 5, 15, 35, 75 and 155 s.
  expect([await triesWithin(20), await triesWithin(60), await triesWithin(80)]).toEqual([2, 2, 1]);
  expect(w.errors).toEqual([`Execution ${EXECUTION} is not taken further: Error: the server says denied`]);
  log.refusal = null;
  expect(await triesWithin(200)).toBeGreaterThan(0);
  agent.answer(answers());
  await settle();
  expect(heldBack.of(EXECUTION)).toBeNull();
  expect((await w.types()).at(-1)).toBe('WorkflowCompleted');
});

test('an order that the log takes ends the hold, and the answer of before is recorded: its agent is not asked again', async () => {
  const agent = onDemand();
  const w = world([step('a', { timeoutMs: 3_600_000 })], agent.behave);
  const log = counted(w);
  const { saga, heldBack } = w.instance('w1');
  await saga.submit(EXECUTION, w.start(), { isNew: true });
  log.refusal = refused('denied');
  agent.answer(answers());
  await w.clock.pass(60_000);
  log.refusal = null;
  await saga.submit(EXECUTION, w.order({ type: 'PauseWorkflow', data: {} }));
  await w.clock.pass(10_000);
  expect(heldBack.of(EXECUTION)).toBeNull();
  expect((await w.types()).slice(2)).toEqual(['WorkflowPaused', 'StepCompleted', 'WorkflowCompleted']);
  expect(w.agents.calls).toHaveLength(1);
  expect(w.files.texts.size).toBe(0);
});

test('a stream that was ended for ever is neither read nor written again', async () => {
  const agent = onDemand();
  const w = world(steps, agent.behave);
  const { saga, heldBack } = w.instance('w1');
  await saga.submit(EXECUTION, w.start(), { isNew: true });
  const log = counted(w);
  log.refusal = () => new StreamTombstoned(workflowStream(EXECUTION));
  agent.answer(answers());
  for (let sweep = 0; sweep < 20; sweep++) {
    await w.clock.pass(2_000);
    await saga.wake(EXECUTION);
  }
  expect(log.appends).toBe(1);
  expect(heldBack.of(EXECUTION)).toMatchObject({ reason: 'deleted' });
  expect(w.files.texts.size).toBe(0);
});
