import { given } from '../support/given.js';
import * as h from '../support/histories.js';
import { fail, retry, start } from './commands.js';
import { enrich } from './situations.js';

const definition = h.twoSteps({ required: false }, { required: false });
const skipping = h.stepOf(definition, 0);
const compose = h.stepOf(definition, 1);
const auto = h.workflowStarted(definition);
const skippedFirst = [enrich.started(1), enrich.failedForGood(1), enrich.skipped(1)];

describe('a step with required: false', () => {
  test('is retried like any other while it may be', () =>
    given(auto, enrich.started(1)).when(fail(enrich, 1)).then(enrich.failedForNow(1)));

  test.each([h.validation, h.fatal])('is skipped after a $type error', (error) =>
    given(auto, enrich.started(1))
      .when(fail(enrich, 1, 0, { error }))
      .then(skipping.failedForGood(1, 'error_not_retryable', { error }), skipping.skipped(1, error)),
  );

  test('is skipped after its last attempt, and the workflow goes on', () => {
    const once = h.twoSteps({ required: false, retry: h.oneAttempt });
    const step = h.stepOf(once, 0);
    given(h.workflowStarted(once), step.started(1))
      .when(fail(step, 1))
      .then(step.failedForGood(1, 'step_not_retryable'), step.skipped(1));
    given(auto, ...skippedFirst)
      .when(start(compose, 1))
      .then(compose.started(1));
  });

  test('completes the workflow when it is the last', () =>
    given(auto, ...skippedFirst, compose.started(1))
      .when(fail(compose, 1, 0, { error: h.fatal }))
      .then(
        compose.failedForGood(1, 'error_not_retryable', { error: h.fatal }),
        compose.skipped(1, h.fatal),
        h.completed,
      ));

  test('uses up the request of manual mode', () =>
    given(h.workflowStarted(definition, { autoExecute: false }), enrich.requested, ...skippedFirst)
      .when(start(compose, 1))
      .thenNothing());

  test('cannot be retried once it is skipped', () =>
    given(auto, ...skippedFirst)
      .when(retry(enrich))
      .thenRejected('Conflict', /step enrich is skipped/));
});
