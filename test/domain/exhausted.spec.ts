/** `on_exhausted: pause`: where the automatic retries are used up, an operator decides. */
import type { StepDefinition } from '../../src/domain/workflow/events.js';
import { given } from '../support/given.js';
import * as h from '../support/histories.js';
import { cancel, fail, start } from './commands.js';
import { exhausting as step, lastFailure, pausing, situation } from './situations.js';

const started = h.workflowStarted(pausing);
const lastAttempt = [started, step.started(1), step.failedForNow(1), step.started(2)];
const { history } = situation('paused, retries exhausted');

describe('a step with on_exhausted: pause', () => {
  test('pauses the execution when its retries are used up, and records the cause', () =>
    given(...lastAttempt)
      .when(fail(step, 2))
      .then(lastFailure, step.pausedExhausted()));

  test('is retried before that like any other', () =>
    given(...lastAttempt.slice(0, 2))
      .when(fail(step, 1))
      .then(step.failedForNow(1)));

  test('records the cause also where an operator has paused in the meantime', () =>
    given(...lastAttempt, h.paused(step.id))
      .when(fail(step, 2))
      .then(lastFailure, step.pausedExhausted()));

  test.each([h.validation, h.fatal])('fails the execution after a $type error: no retry was used up', (error) =>
    given(...lastAttempt)
      .when(fail(step, 2, 0, { error }))
      .then(step.failedForGood(2, 'error_not_retryable', { error }), step.failedWorkflow(error)),
  );

  test.each<[string, Partial<StepDefinition>, 'step_not_retryable' | 'attempts_exhausted', boolean]>([
    ['without retries fails the execution', { retry: h.oneAttempt }, 'step_not_retryable', false],
    ['that is optional is skipped', { required: false, retry: h.oneAttempt }, 'step_not_retryable', true],
  ])('%s', (_, more, rule, isSkipped) => {
    const definition = h.twoSteps({ onExhausted: 'pause', ...more });
    const other = h.stepOf(definition, 0);
    given(h.workflowStarted(definition), other.started(1))
      .when(fail(other, 1))
      .then(other.failedForGood(1, rule), isSkipped ? other.skipped(1) : other.failedWorkflow());
  });

  test('that is optional is skipped when its retries are used up', () => {
    const definition = h.twoSteps({ ...pausing.steps[0]!, required: false });
    const other = h.stepOf(definition, 0);
    given(h.workflowStarted(definition), other.started(1), other.failedForNow(1), other.started(2))
      .when(fail(other, 2))
      .then(other.failedForGood(2, 'attempts_exhausted'), other.skipped(2));
  });
});

describe('an execution that has paused so', () => {
  const retried = [...history, h.resumed, step.retryRequested(2, null, { after: lastFailure, order: 'resume' })];

  test('starts nothing by itself', () =>
    given(...history)
      .when(start(step, 3, 3_600_000))
      .thenNothing());

  test('tries the step again as a new generation, with the whole budget', () => {
    given(...retried)
      .when(start(step, 3))
      .then(step.started(3, { generation: 2 }));
    given(...retried, step.started(3, { generation: 2 }))
      .when(fail(step, 3))
      .then(step.failedForNow(3, { generation: 2, try: 1 }));
  });

  test('may pause so again', () => {
    const again = [step.started(3, { generation: 2 }), step.failedForNow(3, { generation: 2, try: 1 })];
    given(...retried, ...again, step.started(4, { generation: 2 }))
      .when(fail(step, 4))
      .then(step.failedForGood(4, 'attempts_exhausted', { generation: 2, try: 2 }), step.pausedExhausted());
  });

  test('keeps the failure of the step when it is cancelled', () => {
    given(...history)
      .when(cancel())
      .then(h.cancelled());
    expect(given(...history, h.cancelled()).state()).toMatchObject({
      status: 'cancelled',
      steps: [{ status: 'failed' }, { status: 'cancelled' }],
    });
  });
});
