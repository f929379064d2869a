/** A command may take long, and come back with a view of the execution that is past. What began meanwhile goes on. */
import { EXECUTION, answers, onDemand, step, world } from '../support/saga-world.js';
import { settle } from '../../src/testing/real-time.js';

const MINUTE = 60_000;

test('a repeated start that is answered late ends no call that began in the meantime', async () => {
  const first = onDemand();
  const w = world([step('a'), step('b', { timeoutMs: 30 * MINUTE })], ({ agent }) =>
    agent === 'a' ? first.behave() : new Promise<never>(() => undefined),
  );
  const { saga } = w.instance('w1');
  await saga.submit(EXECUTION, w.start(), { isNew: true });

  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  const read = w.log.read.bind(w.log);
  w.log.read = async (...asked) => {
    const found = await read(...asked);
    await held;
    return found;
  };
  const repeated = saga.submit(EXECUTION, w.start(), { isNew: true });
  await settle();
  first.answer(answers());
  await settle();
  w.log.read = read;
  expect(w.agents.calls.map(({ agent }) => agent)).toEqual(['a', 'b']);
  letGo();

  expect((await repeated).appended).toEqual([]);
  await settle();
  expect(w.agents.calls[1]!.signal.aborted).toBe(false);
  expect(await w.types()).toEqual(['WorkflowStarted', 'StepStarted', 'StepCompleted', 'StepStarted']);
});

test('a claim that was given up, and is seen while another command is under way, is looked at again after that', async () => {
  const w = world([step('a', { timeoutMs: 30 * MINUTE })], () => new Promise<never>(() => undefined));
  const { saga } = w.instance('w1');
  await saga.submit(EXECUTION, w.start(EXECUTION, false));

  const carryOut = await w.giveUp(saga, { type: 'ExecuteRemaining', data: {} }, 5_000);

  // A second command waits for its answer as the first one's events come into the log.
  const append = w.log.append.bind(w.log);
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  w.log.append = async (...asked) => {
    await held;
    return append(...asked);
  };
  const second = saga.submit(EXECUTION, w.order({ type: 'PauseWorkflow', data: {} }));
  await settle();
  await carryOut();
  const claim = (await w.history()).at(-1)!;
  expect(claim.type).toBe('StepStarted');
  await saga.onForeignEvent(EXECUTION, claim);
  await saga.wake(EXECUTION);
  await settle();
  letGo();
  await second;
  await settle();
  expect((await w.types()).slice(3)).toEqual(['WorkflowPaused', 'StepInterrupted']);
});
