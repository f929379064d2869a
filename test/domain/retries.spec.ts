import type { StepDefinition, WorkflowEvent } from '../../src/domain/workflow/events.js';
import { given } from '../support/given.js';
import * as h from '../support/histories.js';
import { complete, fail, retry, start } from './commands.js';
import { compose, enrich } from './situations.js';

const started = h.workflowStarted();
const failedOnce = [started, enrich.started(1), enrich.failedForNow(1)];
const failedTwice = [...failedOnce, enrich.started(2), enrich.failedForNow(2, { delayMs: 2_000 })];
const failedThrice = [...failedTwice, enrich.started(3), enrich.failedForNow(3, { delayMs: 4_000 })];

/** A history that begins with another definition of enrich. */
const definedAs = (enrichAs: Partial<StepDefinition>) => {
  const definition = h.twoSteps(enrichAs);
  const step = h.stepOf(definition, 0);
  return { step, history: [h.workflowStarted(definition), step.started(1)] as WorkflowEvent[] };
};

describe('automatic retries with max_retries 3', () => {
  test.each([
    ['first', [started], 1, 1_000],
    ['second', failedOnce, 2, 2_000],
    ['third', failedTwice, 3, 4_000],
  ] as const)('the %s failure is retried after the guide delay', (_, history, attempt, delayMs) =>
    given(...history, enrich.started(attempt, { at: 20_000 }))
      .when(fail(enrich, attempt, 20_500))
      .then(enrich.failedForNow(attempt, { at: 20_500, delayMs, durationMs: 500 })),
  );

  test('the fourth failure is the last, and fails the workflow', () =>
    given(...failedThrice, enrich.started(4))
      .when(fail(enrich, 4))
      .then(enrich.failedForGood(4, 'attempts_exhausted'), enrich.failedWorkflow()));

  test('the fourth attempt may still succeed, and the next step has a budget of its own', () => {
    const history = [...failedThrice, enrich.started(4)];
    given(...history)
      .when(complete(enrich, 4))
      .then(enrich.completed(4));
    given(...history, enrich.completed(4), compose.started(1))
      .when(fail(compose, 1))
      .then(compose.failedForNow(1));
  });

  test('a longer Retry-After wins over the schedule', () =>
    given(started, enrich.started(1))
      .when(fail(enrich, 1, 100, { retryAfterMs: 30_000 }))
      .then(enrich.failedForNow(1, { at: 100, delayMs: 30_000, source: 'retry_after', durationMs: 100 })));

  test('a shorter Retry-After does not', () =>
    given(started, enrich.started(1))
      .when(fail(enrich, 1, 0, { retryAfterMs: 10 }))
      .then(enrich.failedForNow(1)));
});

describe('failures that are not retried', () => {
  test.each([h.validation, h.fatal])('a $type error fails the workflow at once', (error) =>
    given(started, enrich.started(1))
      .when(fail(enrich, 1, 0, { error, retryAfterMs: 5_000 }))
      .then(enrich.failedForGood(1, 'error_not_retryable', { error }), enrich.failedWorkflow(error)),
  );

  test('retry_on_failure: false gives exactly one attempt', () => {
    const { step, history } = definedAs({ retry: h.oneAttempt });
    given(...history)
      .when(fail(step, 1))
      .then(step.failedForGood(1, 'step_not_retryable'), step.failedWorkflow());
  });
});

describe("an operator's retry", () => {
  const failure = enrich.failedForGood(1);
  const failed = [started, enrich.started(1), failure, enrich.failedWorkflow()];

  test('of a failed step makes a new generation, and the execution runs again', () => {
    given(...failed)
      .when(retry(enrich))
      .then(enrich.retryRequested(2, null, { after: failure }));
    given(...failed, enrich.retryRequested(2, null))
      .when(start(enrich, 2))
      .then(enrich.started(2, { generation: 2 }));
  });

  test('is asked for once: a repeat changes nothing until the attempt has begun', () =>
    given(...failed, enrich.retryRequested(2, null))
      .when(retry(enrich))
      .thenNothing());

  test('gives the whole budget again, with the first delay', () =>
    given(...failed, enrich.retryRequested(2, null), enrich.started(2, { generation: 2 }))
      .when(fail(enrich, 2))
      .then(enrich.failedForNow(2, { generation: 2, try: 1 })));

  test('of a waiting step starts without the delay', () =>
    given(...failedTwice, enrich.retryRequested(2, null))
      .when(start(enrich, 3, 0))
      .then(enrich.started(3, { generation: 2 })));

  test('of a running step abandons that attempt', () =>
    given(started, enrich.started(1)).when(retry(enrich)).then(enrich.retryRequested(2, 1)));

  test('is not for a step that is still to come', () =>
    given(started, enrich.started(1))
      .when(retry(compose))
      .thenRejected('Conflict', /step compose is pending/));

  test('in manual mode releases that step alone', () => {
    const manual = h.workflowStarted(h.twoSteps(), { autoExecute: false });
    const retried = [manual, enrich.requested, ...failed.slice(1), enrich.retryRequested(2, null)];
    given(...retried)
      .when(start(enrich, 2))
      .then(enrich.started(2, { generation: 2 }));
    given(...retried, enrich.started(2, { generation: 2 }), enrich.completed(2, { generation: 2 }))
      .when(start(compose, 1))
      .thenNothing();
  });
});

describe('deadlines', () => {
  test.each([
    ['10 minutes', 600_000, 600_000],
    ['half a minute', 30_000, 30_000],
    ['a third of a minute', 60_000 / 3, 20_000],
    ['0.0001 minutes', 6, 6],
    ['a fraction of a millisecond', 0.5, 0],
    ['a day', 86_400_000, 86_400_000],
  ])('%s after the start', (_, timeoutMs, expected) => {
    const definition = h.twoSteps({ timeoutMs });
    const event = h.stepOf(definition, 0).started(1, { at: 1_000 });
    given(h.workflowStarted(definition))
      .when(start(enrich, 1, 1_000))
      .then(event);
    expect(event.data).toMatchObject({ deadline: h.iso(1_000 + expected) });
  });
});
