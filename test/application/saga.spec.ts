import { parseMetadata } from '../../src/application/log/envelope.js';
import { stepId } from '../../src/application/log/ids.js';
import { answers, EXECUTION, fails, onDemand, step, world } from '../support/saga-world.js';
import { settle } from '../../src/testing/real-time.js';

const [a, b] = [stepId(EXECUTION, 'a'), stepId(EXECUTION, 'b')];
const never = () => new Promise<never>(() => undefined);

describe('the happy path', () => {
  test('costs one append for each step boundary', async () => {
    const w = world([step('a'), step('b'), step('c')], async ({ input }) => answers({ [input.step]: 'done' }));
    let appends = 0;
    const append = w.log.append.bind(w.log);
    w.log.append = (...given) => (appends++, append(...given));
    await w.instance('w1').saga.submit(EXECUTION, w.start(), { isNew: true });
    await settle();
    expect(await w.types()).toEqual([
      'WorkflowStarted',
      ...['StepStarted', 'StepCompleted', 'StepStarted', 'StepCompleted', 'StepStarted', 'StepCompleted'],
      'WorkflowCompleted',
    ]);
    expect(appends).toBe(4);
    expect(w.errors).toEqual([]);
  });

  test('each agent gets the checkpoint, the metadata, a key and a deadline', async () => {
    const w = world([step('a'), step('b')], async ({ input }) => answers({ [input.step]: 'done' }));
    await w.instance('w1').saga.submit(EXECUTION, w.start());
    await settle();
    const [first, second] = w.agents.calls;
    expect(first?.input).toEqual({
      execution_id: EXECUTION,
      project_id: 'p',
      document_type: 'demo',
      step: 'a',
      attempt: 1,
      metadata: { colour: 'blue' },
      checkpoint: { last_completed_step: null, intermediate_results: {} },
    });
    expect(second?.input.checkpoint).toEqual({ last_completed_step: 'a', intermediate_results: { a: 'done' } });
    expect(first?.idempotencyKey).toBe(`${EXECUTION}:a:1`);
    expect(first?.deadline).toEqual(new Date('2030-01-01T00:01:00.000Z'));
    expect(first?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  test('every event names its actor, reason and cause; causes resolve', async () => {
    const w = world([step('a')], async () => answers());
    await w.instance('w1').saga.submit(EXECUTION, w.start());
    await settle();
    const events = await w.history();
    const metadata = events.map((event) => parseMetadata(event.metadata));
    expect(metadata.map(({ actor }) => `${actor.type}:${actor.id}`)).toEqual([
      'user:ann',
      'system:workflow-saga',
      'agent:a',
      'agent:a',
    ]);
    expect(metadata[0]?.reason).toBe('because');
    const known = new Set([...events.map(({ id }) => id), metadata[0]?.commandId]);
    expect(metadata.every(({ $causationId }) => known.has($causationId))).toBe(true);
    expect(new Set(metadata.map(({ $correlationId }) => $correlationId))).toEqual(new Set([EXECUTION]));
  });

  test('a large output travels by the artifact store and comes back whole', async () => {
    const text = 'x'.repeat(5_000);
    const w = world([step('a'), step('b')], async ({ input }) =>
      answers(input.step === 'a' ? { text, small: '1' } : {}),
    );
    await w.instance('w1', { inlineOutputBytes: 1_000 }).saga.submit(EXECUTION, w.start());
    await settle();
    const [completed] = await w.dataOf('StepCompleted');
    expect(completed?.output).toMatchObject({ small: '1', text: { artifact: 'a/text', bytes: 5_002 } });
    expect(w.agents.calls[1]?.input.checkpoint.intermediate_results).toEqual({ text, small: '1' });
  });

  test('where the store does not return it as it was, the next agent is not called, and there is no retry', async () => {
    const w = world([step('a'), step('b')], async ({ input }) =>
      answers(input.step === 'a' ? { text: 'x'.repeat(5_000) } : {}),
    );
    const putNow = w.artifacts.putNow.bind(w.artifacts);
    w.artifacts.putNow = (content, contentType) => {
      const stored = putNow(content, contentType);
      w.artifacts.stored.delete(stored.sha256);
      return stored;
    };
    await w.instance('w1', { inlineOutputBytes: 1_000 }).saga.submit(EXECUTION, w.start());
    await settle();
    expect(w.agents.calls).toHaveLength(1);
    const failures = await w.dataOf('StepFailed');
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({
      error: { type: 'fatal', code: 'ARTIFACT_MISSING', message: expect.stringContaining('Artifact a/text') },
    });
  });

  test('a value that is shorter than a reference to it stays where it is, however many there are', async () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`key-${index}`, index]));
    const text = 'x'.repeat(5_000);
    const w = world([step('a'), step('b')], async ({ input }) => answers(input.step === 'a' ? { ...many, text } : {}));
    await w.instance('w1', { inlineOutputBytes: 1_000 }).saga.submit(EXECUTION, w.start());
    await settle();
    const [completed] = await w.dataOf('StepCompleted');
    expect(completed?.output).toEqual({ ...many, text: expect.objectContaining({ artifact: 'a/text' }) });
  });

  test('so many large ones that each would be a file of its own fail the step before one is stored', async () => {
    const many = Object.fromEntries(Array.from({ length: 1_100 }, (_, index) => [`key-${index}`, 'x'.repeat(400)]));
    const w = world([step('a')], async () => answers(many));
    await w.instance('w1', { inlineOutputBytes: 1_000 }).saga.submit(EXECUTION, w.start());
    await settle();
    const [failed] = await w.dataOf('StepFailed');
    expect(failed?.error).toMatchObject({ type: 'validation', code: 'OUTPUT_TOO_LARGE' });
    expect(failed?.error.message).toContain('at most 1000 large values');
    expect(w.artifacts.stored.size).toBe(0);
  });

  test('metadata that no event could hold fails the step, and the error names the limit', async () => {
    const metadata = { trace: 'x'.repeat(256 * 1024) };
    const w = world([step('a')], async () => ({ ...answers({}), metadata }));
    await w.instance('w1').saga.submit(EXECUTION, w.start());
    await settle();
    const [failed] = await w.dataOf('StepFailed');
    expect(failed?.error).toMatchObject({ type: 'validation', code: 'METADATA_TOO_LARGE' });
    expect(failed?.error.message).toContain('262144 bytes');
  });

  test('so many of them that no event could hold them fail the step, and the error names the remedy', async () => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key-${index}`, 'x'.repeat(50)]));
    const w = world([step('a')], async () => answers(many));
    await w.instance('w1').saga.submit(EXECUTION, w.start());
    await settle();
    const [failed] = await w.dataOf('StepFailed');
    expect(failed?.error).toMatchObject({ type: 'validation', code: 'OUTPUT_TOO_LARGE' });
    expect(failed?.error.message).toMatch(
      /^Step "a": expected .* at most 524288 bytes, got \d+; put them under one key/,
    );
    expect((await w.types()).at(-1)).toBe('WorkflowFailed');
  });
});

describe('errors', () => {
  test('a transient error is retried after 1, 2 and 4 s under the same key, then the workflow fails', async () => {
    const w = world([step('a')], async () => fails('transient'));
    await w.instance('w1').saga.submit(EXECUTION, w.start());
    await w.clock.pass(60_000);
    const started = (await w.history()).filter(({ type }) => type === 'StepStarted');
    const times = started.map(({ recordedAt }) => recordedAt.getTime());
    expect(times.slice(1).map((time, index) => time - times[index]!)).toEqual([1_000, 2_000, 4_000]);
    expect(new Set(w.agents.calls.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    expect((await w.types()).slice(-2)).toEqual(['StepFailed', 'WorkflowFailed']);
    expect((await w.dataOf('StepFailed')).map(({ decision }) => decision.rule)).toEqual([
      'retry',
      'retry',
      'retry',
      'attempts_exhausted',
    ]);
  });

  test('Retry-After wins over a shorter delay', async () => {
    let calls = 0;
    const w = world([step('a')], async () => (++calls === 1 ? fails('transient', 30_000) : answers()));
    await w.instance('w1').saga.submit(EXECUTION, w.start());
    await w.clock.pass(29_999);
    expect(calls).toBe(1);
    await w.clock.pass(1);
    expect(await w.state()).toBe('completed');
  });

  test.each(['validation', 'fatal'] as const)('a %s error is not retried', async (type) => {
    const w = world([step('a')], async () => fails(type));
    await w.instance('w1').saga.submit(EXECUTION, w.start());
    await w.clock.pass(60_000);
    expect(w.agents.calls).toHaveLength(1);
    expect(await w.state()).toBe('failed');
  });

  test('an optional step that fails is skipped and the workflow goes on', async () => {
    const w = world([step('a', { required: false }), step('b')], async ({ input }) =>
      input.step === 'a' ? fails('fatal') : answers(),
    );
    await w.instance('w1').saga.submit(EXECUTION, w.start());
    await settle();
    expect(await w.types()).toContain('StepSkipped');
    expect(await w.state()).toBe('completed');
  });

  test('an agent that takes no notice of its signal is timed out all the same', async () => {
    const w = world([step('a', { timeoutMs: 1_500, retry: { ...step('a').retry, maximumAttempts: 1 } })], never);
    await w.instance('w1').saga.submit(EXECUTION, w.start());
    await w.clock.pass(1_499);
    expect(await w.state()).toBe('a_running');
    await w.clock.pass(1);
    expect((await w.dataOf('StepFailed'))[0]?.error).toMatchObject({ type: 'transient', code: 'TIMEOUT' });
    expect(w.agents.calls[0]?.signal.aborted).toBe(true);
    expect(await w.state()).toBe('failed');
  });
});

describe('operators', () => {
  test('a pause lets the running step end and starts nothing; resume goes on', async () => {
    const agent = onDemand();
    const w = world([step('a'), step('b')], async ({ input }) => (input.step === 'a' ? agent.behave() : answers()));
    const { saga } = w.instance('w1');
    await saga.submit(EXECUTION, w.start());
    await saga.submit(EXECUTION, w.order({ type: 'PauseWorkflow', data: {} }));
    agent.answer(answers({ a: 'late but kept' }));
    await w.clock.pass(10_000);
    expect(await w.state()).toBe('paused');
    expect((await w.types()).slice(-2)).toEqual(['WorkflowPaused', 'StepCompleted']);
    await saga.submit(EXECUTION, w.order({ type: 'ResumeWorkflow', data: {} }));
    await settle();
    expect(await w.state()).toBe('completed');
  });

  test('where retries are exhausted and the definition asks for it, it pauses; resume tries the step again', async () => {
    const retry = { ...step('a').retry, maximumAttempts: 2 };
    let isRepaired = false;
    const behave = async () => (isRepaired ? answers({ a: 'done' }) : fails('transient'));
    const w = world([step('a', { onExhausted: 'pause', retry }), step('b')], behave);
    const { saga } = w.instance('w1');
    await saga.submit(EXECUTION, w.start());
    await w.clock.pass(3_600_000);
    expect(await w.state()).toBe('paused');
    expect(w.agents.calls).toHaveLength(2);
    expect((await w.types()).slice(-2)).toEqual(['StepFailed', 'WorkflowPaused']);
    isRepaired = true;
    await saga.submit(EXECUTION, w.order({ type: 'ResumeWorkflow', data: {} }));
    await settle();
    expect(await w.state()).toBe('completed');
    expect(w.agents.calls.map(({ idempotencyKey }) => idempotencyKey)).toEqual(
      ['a:1', 'a:1', 'a:2', 'b:1'].map((key) => `${EXECUTION}:${key}`),
    );
    expect((await w.dataOf('StepStarted')).map(({ because }) => because?.rule)).toEqual([
      ...[undefined, 'retry', undefined, undefined],
    ]);
    expect((await w.dataOf('StepRetryRequested'))[0]).toMatchObject({
      order: 'resume',
      generation: 2,
      earlier: { error: { code: 'TEST' }, decision: { rule: 'attempts_exhausted', attempt: 2, of: 2, then: 'pause' } },
    });
  });

  test('resume while the call is in flight goes on with that attempt', async () => {
    const agent = onDemand();
    const w = world([step('a')], agent.behave);
    const { saga } = w.instance('w1');
    await saga.submit(EXECUTION, w.start());
    await saga.submit(EXECUTION, w.order({ type: 'PauseWorkflow', data: {} }));
    await w.clock.pass(10_000);
    await saga.submit(EXECUTION, w.order({ type: 'ResumeWorkflow', data: {} }));
    await w.clock.pass(10_000);
    expect(w.agents.calls[0]?.signal.aborted).toBe(false);
    agent.answer(answers());
    await settle();
    expect(w.agents.calls).toHaveLength(1);
    expect(await w.state()).toBe('completed');
  });

  test('cancel aborts the running call, and its late answer changes nothing', async () => {
    const agent = onDemand();
    const w = world([step('a')], agent.behave);
    const { saga } = w.instance('w1');
    await saga.submit(EXECUTION, w.start());
    await saga.submit(EXECUTION, w.order({ type: 'CancelWorkflow', data: {} }));
    expect(w.agents.calls[0]?.signal.aborted).toBe(true);
    agent.answer(answers());
    await w.clock.pass(120_000);
    expect((await w.types()).at(-1)).toBe('WorkflowCancelled');
  });

  test('a retry of a running step abandons the attempt and starts a new generation at once', async () => {
    const first = onDemand();
    const w = world([step('a')], async ({ input }) => (input.attempt === 1 ? first.behave() : answers()));
    const { saga } = w.instance('w1');
    await saga.submit(EXECUTION, w.start());
    await saga.submit(EXECUTION, w.order({ type: 'RetryStep', data: { stepId: a } }));
    await settle();
    expect(w.agents.calls.map(({ idempotencyKey }) => idempotencyKey)).toEqual([
      `${EXECUTION}:a:1`,
      `${EXECUTION}:a:2`,
    ]);
    expect(w.agents.calls[0]?.signal.aborted).toBe(true);
    first.answer(fails('fatal'));
    await settle();
    expect(await w.state()).toBe('completed');
  });

  test('a failed workflow is revived by a retry', async () => {
    let healthy = false;
    const w = world([step('a'), step('b')], async ({ input }) =>
      input.step === 'b' && !healthy ? fails('fatal') : answers(),
    );
    const { saga } = w.instance('w1');
    await saga.submit(EXECUTION, w.start());
    await settle();
    expect(await w.state()).toBe('failed');
    healthy = true;
    await saga.submit(EXECUTION, w.order({ type: 'RetryStep', data: { stepId: b } }));
    await settle();
    expect(await w.state()).toBe('completed');
  });

  test('without auto_execute a step runs only when it is asked for', async () => {
    const w = world([step('a'), step('b'), step('c')], async () => answers());
    const { saga } = w.instance('w1');
    await saga.submit(EXECUTION, w.start(EXECUTION, false));
    await w.clock.pass(60_000);
    expect(w.agents.calls).toHaveLength(0);
    await saga.submit(EXECUTION, w.order({ type: 'ExecuteNextStep', data: {} }));
    await w.clock.pass(60_000);
    expect(await w.state()).toBe('a_completed');
    await saga.submit(EXECUTION, w.order({ type: 'ExecuteRemaining', data: {} }));
    await settle();
    expect(await w.state()).toBe('completed');
  });

  test('a command repeated under one id is one command', async () => {
    const w = world([step('a'), step('b')], async () => answers());
    const { saga } = w.instance('w1');
    await saga.submit(EXECUTION, w.start(EXECUTION, false));
    const next = w.order({ type: 'ExecuteNextStep', data: {} });
    await saga.submit(EXECUTION, next);
    await settle();
    const repeat = await saga.submit(EXECUTION, next);
    await settle();
    expect(repeat.appended).toEqual([]);
    expect(w.agents.calls).toHaveLength(1);
  });
});

describe('instances', () => {
  test('of two that are woken at once, one calls the agent', async () => {
    const w = world([step('a')], async () => answers());
    await w.instance('w1').workflows.execute(EXECUTION, w.start());
    await Promise.all([w.instance('w2').saga.wake(EXECUTION), w.instance('w3').saga.wake(EXECUTION)]);
    await settle();
    expect(w.agents.calls).toHaveLength(1);
    expect(await w.state()).toBe('completed');
  });

  test('a step whose worker is gone starts again elsewhere, same key, same retry budget', async () => {
    const w = world([step('a')], never);
    await w.instance('w1').saga.submit(EXECUTION, w.start());
    w.agents.behave = async () => answers();
    const { saga } = w.instance('w2');
    saga.aliveWorkers(new Set(['w2']));
    await saga.wake(EXECUTION);
    await settle();
    expect((await w.types()).slice(1)).toEqual([
      'StepStarted',
      'StepInterrupted',
      'StepStarted',
      'StepCompleted',
      'WorkflowCompleted',
    ]);
    expect(new Set(w.agents.calls.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
  });

  test('as long as nothing is known of other workers, the saga takes none for dead', async () => {
    const w = world([step('a')], never);
    await w.instance('w1').saga.submit(EXECUTION, w.start());
    await w.instance('w2').saga.wake(EXECUTION);
    expect((await w.types()).at(-1)).toBe('StepStarted');
  });

  test('another instance’s cancel, noticed in the log, aborts the call that runs here', async () => {
    const w = world([step('a')], never);
    const here = w.instance('w1');
    await here.saga.submit(EXECUTION, w.start());
    await w.instance('w2').saga.submit(EXECUTION, w.order({ type: 'CancelWorkflow', data: {} }));
    expect(w.agents.calls[0]?.signal.aborted).toBe(false);
    await here.saga.onForeignEvent(EXECUTION, (await w.history())[2]!);
    expect(w.agents.calls[0]?.signal.aborted).toBe(true);
  });

  test('a stop waits for calls under way, then hands over the rest at once', async () => {
    const w = world([step('a')], never);
    const { saga } = w.instance('w1');
    await saga.submit(EXECUTION, w.start());
    const stopped = saga.stop(5_000);
    await w.clock.pass(5_000);
    await stopped;
    expect(await w.dataOf('StepInterrupted')).toMatchObject([{ worker: 'w1', cause: 'shutdown' }]);
  });

  test('with all slots taken a start is accepted, and runs when one is free', async () => {
    const first = onDemand();
    const second = '22222222-2222-4222-8222-222222222222';
    const w = world([step('a')], ({ input }) =>
      input.execution_id === EXECUTION ? first.behave() : Promise.resolve(answers()),
    );
    const { saga } = w.instance('w1', { concurrentSteps: 1 });
    await saga.submit(EXECUTION, w.start());
    await saga.submit(second, w.start(second));
    await settle();
    expect(await w.types(second)).toEqual(['WorkflowStarted']);
    first.answer(answers());
    await settle();
    await settle();
    expect(await w.state(second)).toBe('completed');
  });
});
