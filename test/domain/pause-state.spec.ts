/** `pausing` while a call is in flight, `paused` when it has drained; `current_state` says `paused` of both. */
import type { WorkflowEvent } from '../../src/domain/workflow/events.js';
import { nextEffects } from '../../src/domain/workflow/next-effects.js';
import { pauseStateOf, type ExistingWorkflow } from '../../src/domain/workflow/state.js';
import { currentStateOf } from '../../src/domain/workflow/summary.js';
import { given } from '../support/given.js';
import * as h from '../support/histories.js';
import { complete, resume } from './commands.js';
import { enrich, situation } from './situations.js';

const pausing = [h.workflowStarted(), enrich.started(1), h.paused(enrich.id)];
const stateOf = (history: readonly WorkflowEvent[]) => given(...history).state() as ExistingWorkflow;

describe('the two phases of a pause', () => {
  test.each<[string, readonly WorkflowEvent[], string | null]>([
    ['with a call in flight', pausing, 'pausing'],
    ['with nothing in flight', [h.workflowStarted(), h.paused()], 'paused'],
    ['when the call has its result', [...pausing, enrich.completed(1)], 'paused'],
    ['when the call has failed and a retry is scheduled', [...pausing, enrich.failedForNow(1)], 'paused'],
    ['when the call was lost with its worker', [...pausing, enrich.interrupted(1)], 'paused'],
    ['when retries are exhausted', situation('paused, retries exhausted').history, 'paused'],
    ['after resume', [...pausing, h.resumed], null],
    ['after cancel', [...pausing, h.cancelled(enrich.id)], null],
  ])('%s: %s', (_, history, expected) => expect(pauseStateOf(stateOf(history))).toBe(expected));

  test('both are paused for a client that asks for the state', () => {
    expect(currentStateOf(stateOf(pausing))).toBe('paused');
    expect(currentStateOf(stateOf([...pausing, enrich.completed(1)]))).toBe('paused');
  });
});

describe('while pausing', () => {
  test.each([
    ['a deadline that has passed', 600_000, true, 'FailStep'],
    ['a worker that is gone', 1_000, false, 'InterruptStep'],
  ])('%s still ends the attempt, so that it drains', (_, ms, isAlive, type) =>
    expect(nextEffects(stateOf(pausing), h.dateAt(ms), () => isAlive)).toMatchObject([
      { kind: 'Report', command: { type } },
    ]),
  );

  test('resume goes on with the attempt that runs: nothing starts anew, and its result counts', () => {
    given(...pausing)
      .when(resume())
      .then(h.resumed);
    const resumed = [...pausing, h.resumed];
    expect(nextEffects(stateOf(resumed), h.dateAt(1_000), () => true)).toEqual([
      { kind: 'WakeAt', at: h.iso(600_000) },
    ]);
    given(...resumed)
      .when(complete(enrich, 1, 700))
      .then(enrich.completed(1, { durationMs: 700 }));
  });
});
