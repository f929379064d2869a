import { SagaScheduler } from '../../src/application/saga/saga-scheduler.js';
import { DueExecutions, Workers } from '../../src/application/workflow/workers.js';
import { CountingIds, EXECUTION, step, world } from '../support/saga-world.js';
import { settle } from '../../src/testing/real-time.js';

const never = () => new Promise<never>(() => undefined);
const MINUTE = 60_000;
const TIMEOUT_MS = 15_000;

test('an older view of the workers, which lacks a worker that has just come, takes nothing from that worker', async () => {
  const w = world([step('a', { timeoutMs: 30 * MINUTE })], never);
  const { saga } = w.instance('w2');
  saga.aliveWorkers(new Set(['w2']));
  await w.instance('w1').saga.submit(EXECUTION, w.start());
  await saga.submit(EXECUTION, w.order({ type: 'PauseWorkflow', data: {} }));
  await settle();
  expect(await w.types()).toEqual(['WorkflowStarted', 'StepStarted', 'WorkflowPaused']);
});

describe('a database that was away for longer than a worker may be silent', () => {
  const twoInstances = () => {
    const w = world([step('a', { timeoutMs: 30 * MINUTE })], never);
    const heard = new Map<string, number>();
    let isAway = false;
    const answer = <T>(value: () => T) => (isAway ? Promise.reject(new Error('away')) : Promise.resolve(value()));
    const now = () => w.clock.now().getTime();
    class Heartbeats extends Workers {
      beat = (worker: string) => answer(() => void heard.set(worker, now()));
      leave = (worker: string) => answer(() => void heard.delete(worker));
      alive = () => answer(() => new Set([...heard].flatMap(([id, at]) => (at > now() - TIMEOUT_MS ? [id] : []))));
    }
    class Due extends DueExecutions {
      find = async () => {
        const last = (await w.history()).at(-1);
        return answer(() => (last ? [{ executionId: EXECUTION, revision: last.revision }] : []));
      };
    }
    const [workers, due] = [new Heartbeats(), new Due()];
    const instance = (worker: string) => {
      const { saga } = w.instance(worker);
      const ports = { log: w.log, workers, due, clock: w.clock, ids: new CountingIds('9') };
      const limits = { heartbeatMs: 5_000, sweepMs: 3_000, sweepBatch: 10, sweepParallel: 1 };
      const watch = new SagaScheduler(saga, ports, worker, limits, () => undefined);
      watch.start('start');
      return { saga, watch };
    };
    return { w, instance, away: (is: boolean) => (isAway = is) };
  };

  test('is no reason to take over from an instance that lives', async () => {
    const { w, instance, away } = twoInstances();
    const one = instance('w1');
    await w.clock.pass(2_000);
    const other = instance('w2');
    await w.clock.pass(10_000);
    await one.saga.submit(EXECUTION, w.start());
    away(true);
    // It comes back a moment before w2 beats, and w1 only after that.
    await w.clock.pass(MINUTE - 1_000);
    away(false);
    await w.clock.pass(MINUTE);
    expect(await w.types()).toEqual(['WorkflowStarted', 'StepStarted']);
    await Promise.all([one.watch.stop(), other.watch.stop()]);
  });

  test('does not save the step of a worker that died in the meantime from being taken over', async () => {
    const { w, instance, away } = twoInstances();
    const other = instance('w2');
    await w.clock.pass(10_000);
    await w.instance('w1').saga.submit(EXECUTION, w.start());
    away(true);
    await w.clock.pass(MINUTE);
    away(false);
    await w.clock.pass(20_000);
    expect(await w.types()).toEqual(['WorkflowStarted', 'StepStarted', 'StepInterrupted', 'StepStarted']);
    await other.watch.stop();
  });

  test('an execution that another instance took further is taken over from where the log is', async () => {
    const { w, instance } = twoInstances();
    const other = instance('w2');
    await w.clock.pass(10_000);
    // All that w2 knows of it is that nothing is to be done.
    await other.saga.submit(EXECUTION, w.start(EXECUTION, false));
    await w.instance('w1').saga.submit(EXECUTION, w.order({ type: 'ExecuteRemaining', data: {} }));
    await w.clock.pass(20_000);
    expect(await w.types()).toEqual([
      ...['WorkflowStarted', 'RemainingStepsRequested', 'StepStarted'],
      ...['StepInterrupted', 'StepStarted'],
    ]);
    await other.watch.stop();
  });
});

describe('an append that the log carries out long after it was given up', () => {
  test('leaves no step without a worker', async () => {
    const w = world([step('a', { timeoutMs: 30 * MINUTE })], never);
    const { saga } = w.instance('w1');
    class Nobody extends Workers {
      beat = async () => undefined;
      leave = async () => undefined;
      alive = async () => new Set(['w1']);
    }
    class NothingDue extends DueExecutions {
      find = async () => [];
    }
    const ports = { workers: new Nobody(), due: new NothingDue(), clock: w.clock, ids: new CountingIds('9') };
    const limits = { heartbeatMs: 5_000, sweepMs: 3_000, sweepBatch: 10, sweepParallel: 1 };
    const watch = new SagaScheduler(saga, { ...ports, log: w.log }, 'w1', limits, () => undefined);
    watch.start('start');
    await saga.submit(EXECUTION, w.start(EXECUTION, false));

    const carryOut = await w.giveUp(saga, { type: 'ExecuteRemaining', data: {} }, MINUTE);
    await carryOut();
    await w.clock.pass(10_000);
    expect(await w.types()).toEqual([
      ...['WorkflowStarted', 'RemainingStepsRequested', 'StepStarted'],
      ...['StepInterrupted', 'StepStarted'],
    ]);
    await watch.stop();
  });
});
