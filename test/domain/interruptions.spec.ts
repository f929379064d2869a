import { given } from '../support/given.js';
import * as h from '../support/histories.js';
import { fail, interrupt, start } from './commands.js';
import { compose, enrich } from './situations.js';

const started = h.workflowStarted();

describe('an interrupted attempt', () => {
  test.each(['shutdown', 'worker_lost'] as const)('names the worker it was taken from (%s)', (cause) =>
    given(started, enrich.started(1, { worker: 'worker-b' }))
      .when(interrupt(enrich, 1, 100, cause))
      .then(enrich.interrupted(1, cause, 'worker-b')),
  );

  test('is followed at once by the next attempt, under the same generation and key', () => {
    const next = enrich.started(2, { worker: 'worker-b' });
    given(started, enrich.started(1), enrich.interrupted(1))
      .when(start(enrich, 2, 0, 'worker-b'))
      .then(next);
    expect(next.data).toMatchObject({ generation: 1, idempotencyKey: `${h.EXECUTION_ID}:enrich:1` });
  });

  test('does not count against the retry budget', () => {
    const often = [1, 2, 3, 4, 5].flatMap((attempt) => [enrich.started(attempt), enrich.interrupted(attempt)]);
    given(started, ...often, enrich.started(6))
      .when(fail(enrich, 6))
      .then(enrich.failedForNow(6, { try: 1 }));
  });

  test('between failures leaves the schedule where it was', () =>
    given(
      started,
      enrich.started(1),
      enrich.failedForNow(1),
      enrich.started(2),
      enrich.interrupted(2),
      enrich.started(3),
    )
      .when(fail(enrich, 3))
      .then(enrich.failedForNow(3, { try: 2, delayMs: 2_000 })));

  test('keeps the one try of a step that is not retried', () => {
    const definition = h.twoSteps({ retry: h.oneAttempt });
    const step = h.stepOf(definition, 0);
    given(h.workflowStarted(definition), step.started(1), step.interrupted(1))
      .when(start(step, 2))
      .then(step.started(2));
  });

  test('keeps the generation of an operator retry', () =>
    given(
      started,
      enrich.started(1),
      enrich.retryRequested(2, 1),
      enrich.started(2, { generation: 2 }),
      enrich.interrupted(2),
    )
      .when(start(enrich, 3))
      .then(enrich.started(3, { generation: 2 })));

  test('of a requested step keeps the request', () =>
    given(
      h.workflowStarted(h.twoSteps(), { autoExecute: false }),
      enrich.requested,
      enrich.started(1),
      enrich.interrupted(1),
    )
      .when(start(enrich, 2))
      .then(enrich.started(2)));

  test('while paused waits for the resume', () => {
    const history = [started, enrich.started(1), h.paused(enrich.id), enrich.interrupted(1)];
    given(...history)
      .when(start(enrich, 2))
      .thenNothing();
    given(...history, h.resumed)
      .when(start(enrich, 2))
      .then(enrich.started(2));
  });
});

test('an interruption of a step that is not running changes nothing', () =>
  given(started, enrich.started(1), enrich.completed(1)).when(interrupt(compose, 0)).thenNothing());
