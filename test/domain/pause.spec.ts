import { given } from '../support/given.js';
import * as h from '../support/histories.js';
import { cancel, complete, fail, nextStep, pause, remaining, start } from './commands.js';
import { compose, enrich } from './situations.js';

const started = h.workflowStarted();
const pausedInEnrich = [started, enrich.started(1), h.paused(enrich.id)];
const pausedInCompose = [
  started,
  enrich.started(1),
  enrich.completed(1),
  compose.started(1, { at: 100 }),
  h.paused(compose.id),
];

describe('while paused', () => {
  test('a result of the running step is recorded, and the next step does not start', () => {
    given(...pausedInEnrich)
      .when(complete(enrich, 1, 700, { facts: 3 }))
      .then(enrich.completed(1, { output: { facts: 3 }, durationMs: 700 }));
    given(...pausedInEnrich, enrich.completed(1))
      .when(start(compose, 1))
      .thenNothing();
    given(...pausedInEnrich, enrich.completed(1), h.resumed)
      .when(start(compose, 1))
      .then(compose.started(1));
  });

  test('the result of the last step completes the workflow', () =>
    given(...pausedInCompose)
      .when(complete(compose, 1, 100))
      .then(compose.completed(1), h.completed));

  test('a failure that is not retried fails the workflow', () =>
    given(...pausedInEnrich)
      .when(fail(enrich, 1, 0, { error: h.fatal }))
      .then(enrich.failedForGood(1, 'error_not_retryable', { error: h.fatal }), enrich.failedWorkflow(h.fatal)));

  test('a retry that falls due does not start', () =>
    given(...pausedInEnrich, enrich.failedForNow(1))
      .when(start(enrich, 2, 5_000))
      .thenNothing());

  test('a pause records which step was in flight, and another pause records nothing', () => {
    given(started, enrich.started(1)).when(pause()).then(h.paused(enrich.id));
    given(...pausedInEnrich)
      .when(pause())
      .thenNothing();
  });
});

describe('next_step leaves a pause and goes step by step', () => {
  const stepping = [started, enrich.started(1), enrich.completed(1), h.paused(), h.resumed, compose.requested];

  test('the requested step starts', () =>
    given(...stepping)
      .when(start(compose, 1))
      .then(compose.started(1)));

  test('an automatic execution is manual from then on, until remaining is asked for', () => {
    const three = { ...h.ibGeneration, steps: h.ibGeneration.steps.slice(0, 3) };
    const write = h.stepOf(three, 2);
    const stepped = [
      h.workflowStarted(three),
      h.paused(),
      h.resumed,
      enrich.requested,
      enrich.started(1),
      enrich.completed(1),
    ];
    given(...stepped)
      .when(start(compose, 1))
      .thenNothing();
    given(...stepped)
      .when(nextStep())
      .then(compose.requested);
    given(...stepped)
      .when(remaining())
      .then(h.remainingRequested);
    given(...stepped, h.remainingRequested, compose.started(1), compose.completed(1))
      .when(start(write, 1))
      .then(write.started(1));
  });
});

describe('cancel', () => {
  test('names the step whose call has to be aborted, and its late result changes nothing', () => {
    given(started, enrich.started(1)).when(cancel()).then(h.cancelled(enrich.id));
    given(started, enrich.started(1), h.cancelled(enrich.id)).when(complete(enrich, 1)).thenNothing();
  });

  test('keeps what was done before it', () => {
    const state = given(...pausedInCompose, h.cancelled(compose.id)).state();
    expect(state).toMatchObject({ status: 'cancelled', steps: [{ status: 'completed' }, { status: 'cancelled' }] });
  });

  test('after a failure keeps the failure', () => {
    const failed = [started, enrich.started(1), enrich.failedForGood(1), enrich.failedWorkflow(), h.cancelled()];
    expect(given(...failed).state()).toMatchObject({ steps: [{ status: 'failed' }, { status: 'cancelled' }] });
  });
});
