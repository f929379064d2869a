import type { AgentBounds } from '../../src/application/agents/agent-queue.js';
import { NO_RULES, type AgentRules } from '../../src/application/agents/agent-limiter.js';
import type { AgentReply } from '../../src/application/agents/agents.js';
import { answers, fails, step, world, type Behaviour } from '../support/saga-world.js';
import { settle } from '../../src/testing/real-time.js';

const id = (number: number) => `${String(number).padStart(8, '0')}-1111-4111-8111-111111111111`;

const bounds = (more: Partial<AgentBounds>): AgentBounds => ({ ...NO_RULES.boundsOf(''), ...more });
const circuit = { consecutiveFailures: 2, failurePercent: 0, minimumCalls: 1, windowMs: 60_000, coolDownMs: 10_000 };

/** What bounds agents by name; who is held may be changed. */
const rules = (by: Readonly<Record<string, Partial<AgentBounds>>>) => {
  const held = new Set<string>();
  const given: AgentRules = { boundsOf: (agent) => bounds(by[agent] ?? {}), mayCall: (agent) => !held.has(agent) };
  return { held, given };
};

/** Calls that end when the test says so, by execution. */
const open = () => {
  const waiting = new Map<string, (reply: AgentReply) => void>();
  const behave: Behaviour = ({ input }) => new Promise((resolve) => waiting.set(input.execution_id, resolve));
  const answer = async (number: number, reply = answers()) => {
    waiting.get(id(number))?.(reply);
    waiting.delete(id(number));
    await settle();
    await settle();
  };
  return { behave, answer };
};

const numbers = (calls: readonly { input: { execution_id: string } }[]) =>
  calls.map(({ input }) => Number(input.execution_id.slice(0, 8)));

describe('an agent that is full', () => {
  test('lets its steps wait without an event; they start at once when it is free, in their order', async () => {
    const { behave, answer } = open();
    const w = world([step('a')], behave);
    const { saga } = w.instance('w1', {}, rules({ a: { concurrentCalls: 2 } }).given);
    for (let number = 1; number <= 5; number++) await saga.submit(id(number), w.start(id(number)));
    await settle();
    expect(numbers(w.agents.calls)).toEqual([1, 2]);
    expect(await w.types(id(3))).toEqual(['WorkflowStarted']);
    expect(saga.agent('a')).toMatchObject({ running: 2, waiting: 3 });
    await answer(2);
    expect(numbers(w.agents.calls)).toEqual([1, 2, 3]);
    await answer(1);
    await answer(3);
    await answer(4);
    await answer(5);
    expect(numbers(w.agents.calls)).toEqual([1, 2, 3, 4, 5]);
    expect(saga.agent('a')).toMatchObject({ running: 0, waiting: 0 });
    expect(await w.state(id(5))).toBe('completed');
    expect(w.clock.now().toISOString()).toBe('2030-01-01T00:00:00.000Z');
  });

  test('keeps no execution from another agent', async () => {
    const w = world([step('a'), step('b')], ({ input }) =>
      input.step === 'a' ? Promise.resolve(answers()) : new Promise<never>(() => undefined),
    );
    const { saga } = w.instance('w1', { concurrentSteps: 4 }, rules({ b: { concurrentCalls: 1 } }).given);
    for (let number = 1; number <= 20; number++) await saga.submit(id(number), w.start(id(number)));
    for (let turn = 0; turn < 20; turn++) await settle();
    expect(w.agents.calls.filter(({ input }) => input.step === 'a')).toHaveLength(20);
    expect(w.agents.calls.filter(({ input }) => input.step === 'b')).toHaveLength(1);
    expect(saga.agent('b')).toMatchObject({ running: 1, waiting: 19 });
  });

  test('the report of the step before is recorded alone, and its place goes to others', async () => {
    const w = world([step('a'), step('b')], async () => answers());
    const { held, given } = rules({});
    held.add('b');
    const { saga } = w.instance('w1', { concurrentSteps: 1 }, given);
    await saga.submit(id(1), w.start(id(1)));
    await saga.submit(id(2), w.start(id(2)));
    for (let turn = 0; turn < 5; turn++) await settle();
    for (const number of [1, 2])
      expect(await w.types(id(number))).toEqual(['WorkflowStarted', 'StepStarted', 'StepCompleted']);
    expect(saga.agent('b').waiting).toBe(2);
  });

  test('an execution that comes later does not overtake one that waits', async () => {
    const { behave, answer } = open();
    const w = world([step('a')], behave);
    const { saga } = w.instance('w1', {}, rules({ a: { concurrentCalls: 1 } }).given);
    for (const number of [1, 2]) await saga.submit(id(number), w.start(id(number)));
    await settle();
    const ended = answer(1);
    await saga.submit(id(3), w.start(id(3)));
    await ended;
    expect(numbers(w.agents.calls)).toEqual([1, 2]);
  });

  test('an execution that is cancelled while it waits leaves the queue', async () => {
    const { behave, answer } = open();
    const w = world([step('a')], behave);
    const { saga } = w.instance('w1', {}, rules({ a: { concurrentCalls: 1 } }).given);
    for (const number of [1, 2, 3]) await saga.submit(id(number), w.start(id(number)));
    await settle();
    await saga.submit(id(2), w.order({ type: 'CancelWorkflow', data: {} }));
    expect(saga.agent('a').waiting).toBe(1);
    await answer(1);
    expect(numbers(w.agents.calls)).toEqual([1, 3]);
  });

  test('a reservation that its execution does not take up goes to the next in the queue', async () => {
    const { behave, answer } = open();
    const w = world([step('a')], behave);
    const here = w.instance('w1', {}, rules({ a: { concurrentCalls: 1 } }).given);
    for (const number of [1, 2, 3]) await here.saga.submit(id(number), w.start(id(number)));
    await settle();
    await w.instance('w2').saga.submit(id(2), w.order({ type: 'CancelWorkflow', data: {} }));
    await here.workflows.refresh(id(2));
    await answer(1);
    await settle();
    expect(numbers(w.agents.calls)).toEqual([1, 3]);
    expect(here.saga.agent('a')).toMatchObject({ running: 1, waiting: 0 });
  });

  test('the queue is bounded; the sweep finds the executions that found it full', async () => {
    const { behave, answer } = open();
    const w = world([step('a')], behave);
    const { saga } = w.instance('w1', { remembered: 1 }, rules({ a: { concurrentCalls: 1 } }).given);
    for (const number of [1, 2, 3]) await saga.submit(id(number), w.start(id(number)));
    await settle();
    expect(saga.agent('a').waiting).toBe(1);
    await answer(1);
    await answer(2);
    expect(numbers(w.agents.calls)).toEqual([1, 2]);
    await saga.wake(id(3));
    expect(numbers(w.agents.calls)).toEqual([1, 2, 3]);
  });
});

describe('an agent with a rate', () => {
  test('is called no more often, and as soon as it may be', async () => {
    const w = world([step('a')], async () => answers());
    const { saga } = w.instance('w1', {}, rules({ a: { rate: { calls: 2, windowMs: 1_000 } } }).given);
    for (let number = 1; number <= 5; number++) await saga.submit(id(number), w.start(id(number)));
    const times: number[] = [];
    for (let ms = 0; ms <= 2_000; ms += 250) {
      times.push(w.agents.calls.length);
      await w.clock.pass(250);
    }
    expect(times).toEqual([2, 2, 3, 3, 4, 4, 5, 5, 5]);
  });

  test('a command that starts nothing costs no call', async () => {
    const w = world([step('a'), step('b')], async () => answers());
    const { saga } = w.instance('w1', {}, rules({ a: { rate: { calls: 1, windowMs: 60_000 } } }).given);
    await saga.submit(id(1), w.start(id(1), false));
    await saga.submit(id(1), w.order({ type: 'PauseWorkflow', data: {} }));
    await saga.submit(id(1), w.order({ type: 'ResumeWorkflow', data: {} }));
    await saga.submit(id(1), w.order({ type: 'ExecuteNextStep', data: {} }));
    await settle();
    expect(w.agents.calls).toHaveLength(1);
  });
});

describe('an agent that fails', () => {
  test('is left alone for the cool-down; then one trial, and all executions that wait when it is answered', async () => {
    let healthy = false;
    const w = world([step('a')], async () => (healthy ? answers() : fails('transient')));
    const { saga } = w.instance('w1', {}, rules({ a: { circuit } }).given);
    for (let number = 1; number <= 4; number++) await saga.submit(id(number), w.start(id(number)));
    await settle();
    const before = w.agents.calls.length;
    expect(saga.agent('a').circuit).toMatchObject({ state: 'open', nextTrialAt: '2030-01-01T00:00:10.000Z' });
    await w.clock.pass(9_999);
    expect(w.agents.calls).toHaveLength(before);
    await w.clock.pass(1);
    expect(w.agents.calls).toHaveLength(before + 1);
    expect(saga.agent('a').circuit.state).toBe('open');
    healthy = true;
    await w.clock.pass(10_000);
    for (let number = 1; number <= 4; number++) expect(await w.state(id(number))).toBe('completed');
    expect(saga.agent('a').circuit).toMatchObject({ state: 'closed', recentFailures: 0 });
  });

  test('spends no retry of a step that waits for it', async () => {
    let calls = 0;
    const w = world([step('a')], async () => (++calls <= 2 ? fails('transient', 300_000) : answers()));
    const { saga } = w.instance('w1', {}, rules({ a: { circuit } }).given);
    for (const number of [1, 2, 3]) await saga.submit(id(number), w.start(id(number)));
    await w.clock.pass(299_999);
    // The third found the circuit open, and the agent asked for five minutes.
    const third = (await w.types(id(3))).filter((type) => type === 'StepStarted');
    expect(calls - third.length).toBe(2);
    await w.clock.pass(1);
    await w.clock.pass(1);
    for (const number of [1, 2, 3]) expect(await w.state(id(number))).toBe('completed');
  });

  test.each(['validation', 'fatal'] as const)('with %s errors is there, and is called on', async (type) => {
    const w = world([step('a')], async () => fails(type));
    const { saga } = w.instance('w1', {}, rules({ a: { circuit } }).given);
    for (let number = 1; number <= 6; number++) await saga.submit(id(number), w.start(id(number)));
    await settle();
    expect(w.agents.calls).toHaveLength(6);
    expect(saga.agent('a').circuit.state).toBe('closed');
  });

  test('a timeout counts; a failure of our own store does not', async () => {
    const w = world([step('a', { timeoutMs: 1_000 })], () => new Promise<never>(() => undefined));
    const { saga } = w.instance('w1', {}, rules({ a: { circuit } }).given);
    for (const number of [1, 2]) await saga.submit(id(number), w.start(id(number)));
    await w.clock.pass(1_000);
    expect(saga.agent('a').circuit.state).toBe('open');
    const broken = world([step('a')], async () => answers({ text: 'x'.repeat(100) }));
    broken.artifacts.put = () => Promise.reject(new Error('no space'));
    const other = broken.instance('w1', { inlineOutputBytes: 10 }, rules({ a: { circuit } }).given);
    for (const number of [1, 2, 3]) await other.saga.submit(id(number), broken.start(id(number)));
    await settle();
    expect(other.saga.agent('a').circuit.state).toBe('closed');
  });

  test('a trial that is cancelled leaves room for another', async () => {
    let behave: Behaviour = async () => fails('transient');
    const w = world([step('a', { retry: { ...step('a').retry, maximumAttempts: 1 } })], (call) => behave(call));
    const { saga } = w.instance('w1', {}, rules({ a: { circuit } }).given);
    for (const number of [1, 2]) await saga.submit(id(number), w.start(id(number)));
    await settle();
    for (const number of [3, 4]) await saga.submit(id(number), w.start(id(number)));
    behave = ({ input }) =>
      input.execution_id === id(3) ? new Promise<never>(() => undefined) : Promise.resolve(answers());
    await w.clock.pass(10_000);
    expect(saga.agent('a').circuit.state).toBe('half_open');
    await saga.submit(id(3), w.order({ type: 'CancelWorkflow', data: {} }));
    await settle();
    await settle();
    expect(await w.state(id(4))).toBe('completed');
    expect(saga.agent('a').circuit.state).toBe('closed');
  });
});

describe('an agent that is held', () => {
  test('is not called, spends nothing, and is called at once when it is released', async () => {
    const w = world([step('a')], async () => answers());
    const { held, given } = rules({});
    held.add('a');
    const { saga } = w.instance('w1', {}, given);
    for (const number of [1, 2]) await saga.submit(id(number), w.start(id(number)));
    await w.clock.pass(3_600_000);
    expect(w.agents.calls).toHaveLength(0);
    expect(await w.types(id(1))).toEqual(['WorkflowStarted']);
    held.clear();
    saga.agentsChanged();
    await settle();
    await settle();
    for (const number of [1, 2]) expect(await w.state(id(number))).toBe('completed');
    expect(w.errors).toEqual([]);
  });

  test('a call that runs already goes on, and its result is recorded', async () => {
    const { behave, answer } = open();
    const w = world([step('a')], behave);
    const { held, given } = rules({});
    const { saga } = w.instance('w1', {}, given);
    await saga.submit(id(1), w.start(id(1)));
    await settle();
    held.add('a');
    saga.agentsChanged();
    await answer(1);
    expect(await w.state(id(1))).toBe('completed');
  });

  test('a stop leaves no execution in the queue', async () => {
    const w = world([step('a')], async () => answers());
    const { held, given } = rules({});
    held.add('a');
    const { saga } = w.instance('w1', {}, given);
    await saga.submit(id(1), w.start(id(1)));
    await saga.stop(0);
    held.clear();
    saga.agentsChanged();
    await settle();
    expect(w.agents.calls).toHaveLength(0);
    expect(saga.agent('a').waiting).toBe(0);
  });
});
