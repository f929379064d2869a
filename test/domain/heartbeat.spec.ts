/** Attempts whose agents go on without a connection. */
import type { WorkflowEvent } from '../../src/domain/workflow/events.js';
import { workflow } from '../../src/domain/workflow/index.js';
import { nextEffects } from '../../src/domain/workflow/next-effects.js';
import type { ExistingWorkflow } from '../../src/domain/workflow/state.js';
import { summarise } from '../../src/domain/workflow/summary.js';
import { given } from '../support/given.js';
import * as h from '../support/histories.js';
import { complete, defer, expire, fail, interrupt, pause, progress, retry } from './commands.js';

/** 600 s for the attempt, 30 s for a heartbeat; enrich is 20 of 30 parts of the whole. */
const definition = h.twoSteps({ heartbeatTimeoutMs: 30_000 });
const enrich = h.stepOf(definition, 0);
const started = [h.workflowStarted(definition), enrich.started(1)];
const deferred = [...started, enrich.deferred(1, { at: 100 })];
const gone = () => false;
const DUE = 100 + 31_000;
const DEADLINE = 600_000;

const silent = enrich.failedForNow(1, {
  at: DUE,
  durationMs: DUE,
  error: {
    type: 'transient',
    code: 'HEARTBEAT_TIMEOUT',
    message: 'The agent took the task and gave no sign of life for 30 s',
  },
});

describe('an agent that takes its task', () => {
  test('defers the attempt that runs, once', () => {
    given(...started)
      .when(defer(enrich, 1, 100))
      .then(enrich.deferred(1, { at: 100 }));
    given(...deferred)
      .when(defer(enrich, 1, 200))
      .thenNothing();
    given(...started)
      .when(defer(enrich, 2, 100))
      .thenNothing();
  });
  test('has nothing to defer when its report was faster than its answer', () => {
    given(...started, enrich.completed(1))
      .when(defer(enrich, 1, 100))
      .thenNothing();
    given(...started, enrich.failedForNow(1))
      .when(defer(enrich, 1, 100))
      .thenNothing();
  });
  test('has only its deadline where the definition names no heartbeat timeout', () => {
    const plain = h.stepOf(h.twoSteps(), 0);
    const history = [h.workflowStarted(), plain.started(1), plain.deferred(1)];
    given(h.workflowStarted(), plain.started(1)).when(defer(plain, 1)).then(plain.deferred(1));
    expect(nextEffects(given(...history).state(), h.dateAt(DEADLINE - 1), gone)).toEqual([
      { kind: 'WakeAt', at: h.iso(DEADLINE) },
    ]);
  });
  test('may report its end as a direct answer does, in a paused execution too', () => {
    given(...deferred)
      .when(complete(enrich, 1, 500))
      .then(enrich.completed(1, { durationMs: 500 }));
    given(...deferred, h.paused(enrich.id))
      .when(complete(enrich, 1, 500))
      .then(enrich.completed(1, { durationMs: 500 }));
    given(...deferred)
      .when(fail(enrich, 1, 500))
      .then(enrich.failedForNow(1, { at: 500, durationMs: 500 }));
  });
});

describe('a deferred attempt', () => {
  test('is watched until its heartbeat is due, whichever workers live', () => {
    expect(nextEffects(given(...deferred).state(), h.dateAt(DUE - 1), gone)).toEqual([
      { kind: 'WakeAt', at: h.iso(DUE) },
    ]);
  });
  test('is not interrupted, not even by an instance that has not seen the deferral', () =>
    given(...deferred)
      .when(interrupt(enrich, 1, 200))
      .thenNothing());

  test('has failed when the heartbeat is due and none has come', () => {
    expect(nextEffects(given(...deferred).state(), h.dateAt(DUE), gone)).toEqual([
      { kind: 'Report', command: { type: 'ExpireHeartbeat', data: { stepId: enrich.id, attempt: 1 } } },
    ]);
    given(...deferred)
      .when(expire(enrich, 1, DUE))
      .then(silent);
  });
  test('has not, where a heartbeat has come since: the instance looked too early', () => {
    given(...deferred)
      .when(expire(enrich, 1, DUE - 1))
      .thenNothing();
    const beat = enrich.progressed(1, 10, { at: 5_000 });
    given(...deferred, beat)
      .when(expire(enrich, 1, DUE))
      .thenNothing();
    expect(nextEffects(given(...deferred, beat).state(), h.dateAt(DUE), gone)).toEqual([
      { kind: 'WakeAt', at: h.iso(36_000) },
    ]);
  });
  test('is over at its deadline, however well it beats', () => {
    const beat = enrich.progressed(1, 10, { at: DEADLINE - 1_000 });
    const state = given(...deferred, beat).state();
    expect(summarise(state as ExistingWorkflow, h.dateAt(DEADLINE - 1)).nextActionAt).toBe(h.iso(DEADLINE));
    expect(nextEffects(state, h.dateAt(DEADLINE), gone)).toMatchObject([
      { kind: 'Report', command: { type: 'FailStep', data: { error: { code: 'TIMEOUT' } } } },
    ]);
  });
  test('is abandoned by a retry: a later report of its agent changes nothing', () => {
    given(...deferred)
      .when(retry(enrich, 500))
      .then(enrich.retryRequested(2, 1));
    for (const report of [complete(enrich, 1, 600), fail(enrich, 1, 600), progress(enrich, 1, 600, { percent: 99 })])
      given(...deferred, enrich.retryRequested(2, 1))
        .when(report)
        .thenNothing();
  });
  test('counts as in flight when the execution is paused', () =>
    given(...deferred)
      .when(pause(200))
      .then(h.paused(enrich.id)));
});

describe('a heartbeat', () => {
  const told = (percent: number | null, at: number, message: string | null = null) =>
    enrich.progressed(1, percent, { at, message });
  const first = told(10, 1_000, 'reading');

  test('is recorded with its percent and message, and moves the time of the next', () =>
    given(...deferred)
      .when(progress(enrich, 1, 1_000, { percent: 10, message: 'reading' }))
      .then(first));

  test('is recorded at once where a whole percent was gained, and else once a second', () => {
    const history = given(...deferred, first);
    history.when(progress(enrich, 1, 1_001, { percent: 11 })).then(told(11, 1_001, 'reading'));
    history.when(progress(enrich, 1, 1_999, { percent: 10.9, message: 'writing' })).thenNothing();
    history.when(progress(enrich, 1, 1_999, { percent: 5 })).thenNothing();
    history.when(progress(enrich, 1, 2_000, { message: 'writing' })).then(told(10, 2_000, 'writing'));
    history.when(progress(enrich, 1, 2_000)).then(told(10, 2_000, 'reading'));
  });
  test('that is not recorded is covered by the heartbeat before it: no attempt fails within the timeout', () => {
    given(...deferred, first)
      .when(progress(enrich, 1, 1_999))
      .thenNothing();
    given(...deferred, first)
      .when(expire(enrich, 1, 1_999 + 30_000))
      .thenNothing();
  });
  test('of an agent whose connection is open is progress and no promise', () => {
    const open = enrich.progressed(1, 30, { at: 50, isDeferred: false });
    given(...started)
      .when(progress(enrich, 1, 50, { percent: 30 }))
      .then(open);
    expect(nextEffects(given(...started, open).state(), h.dateAt(40_000), () => true)).toEqual([
      { kind: 'WakeAt', at: h.iso(DEADLINE) },
    ]);
    given(...started, open)
      .when(interrupt(enrich, 1, 60))
      .then(enrich.interrupted(1));
  });
  test('of an attempt that is over changes nothing', () => {
    given(...deferred, silent)
      .when(progress(enrich, 1, DUE + 1, { percent: 50 }))
      .thenNothing();
    given(...deferred, h.cancelled(enrich.id))
      .when(progress(enrich, 1, 500))
      .thenNothing();
  });

  test('in a step of a week: a thousand by time, and one for each percent', () => {
    const timeoutMs = 7 * 86_400_000;
    const week = h.twoSteps({ timeoutMs, heartbeatTimeoutMs: 60_000 });
    let state = given(h.workflowStarted(week), enrich.started(1), h.stepOf(week, 0).deferred(1)).state();
    let recorded = 0;
    for (let ms = 0; ms < timeoutMs; ms += 30_000) {
      // Forwards and backwards, so that every one of them says something else.
      const said = { percent: (ms / 30_000) % 101, message: String(ms) };
      const events = workflow.decide(progress(enrich, 1, ms, said), state);
      state = events.reduce(workflow.evolve, state);
      recorded += events.length;
    }
    expect(recorded).toBeGreaterThan(500);
    expect(recorded).toBeLessThanOrEqual(1_000 + 100);
  });
});

describe('percent_complete', () => {
  const percentAfter = (...history: readonly WorkflowEvent[]) =>
    summarise(given(...history).state() as ExistingWorkflow, h.dateAt(0)).percentComplete;
  const half = enrich.progressed(1, 50);

  test('has the share that the running step reports', () => {
    expect(percentAfter(...deferred)).toBe(0);
    expect(percentAfter(...deferred, half)).toBe(33);
    expect(percentAfter(...deferred, half, h.paused(enrich.id))).toBe(33);
    expect(percentAfter(...deferred, enrich.progressed(1, 100))).toBe(66);
    expect(percentAfter(...deferred, half, enrich.completed(1))).toBe(66);
  });
  test('does not fall when the agent corrects itself, nor when the attempt fails and the next begins', () => {
    expect(percentAfter(...deferred, half, enrich.progressed(1, 20))).toBe(33);
    const failed = [...deferred, half, enrich.failedForNow(1)];
    expect(percentAfter(...failed)).toBe(33);
    expect(percentAfter(...failed, enrich.started(2), enrich.progressed(2, 10))).toBe(33);
    expect(percentAfter(...failed, enrich.started(2), enrich.progressed(2, 60))).toBe(40);
  });
  test("begins anew with an operator's retry", () =>
    expect(percentAfter(...deferred, half, enrich.retryRequested(2, 1))).toBe(0));
});
