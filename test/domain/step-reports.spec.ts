import type { WorkflowCommand } from '../../src/domain/workflow/commands.js';
import type { WorkflowEvent } from '../../src/domain/workflow/events.js';
import { given } from '../support/given.js';
import { paused, resumed, workflowStarted } from '../support/histories.js';
import { complete, fail, interrupt, start } from './commands.js';
import { compose, definition, enrich, situation, situationNames, type SituationName } from './situations.js';

/** Situations in which attempt 1 of enrich is running, so that its reports count. */
const underWay: readonly SituationName[] = [
  'running, a step under way',
  'manual, a step under way',
  'paused with a running step',
];

/** Situations in which a step may start, and which attempt of which step that is. */
const startable: Partial<Record<SituationName, readonly [typeof enrich, number]>> = {
  'running, nothing started': [enrich, 1],
  'running, between two steps': [compose, 1],
  'running, interrupted': [enrich, 2],
  'waiting for a retry': [enrich, 2],
  'manual, a step requested': [enrich, 1],
};

const DUE = 1_000; // when the waiting attempt of the situations is due
const reports: readonly (readonly [WorkflowCommand, WorkflowEvent])[] = [
  [complete(enrich, 1, 250, { facts: 3 }), enrich.completed(1, { output: { facts: 3 }, durationMs: 250 })],
  [fail(enrich, 1, 250), enrich.failedForNow(1, { at: 250, durationMs: 250 })],
  [interrupt(enrich, 1, 250, 'shutdown'), enrich.interrupted(1, 'shutdown')],
];

describe('reports of the running attempt', () => {
  const cells = underWay.flatMap((name) => reports.map(([report, event]) => ({ name, report, event })));
  test.each(cells)('$name: $report.type is recorded', ({ name, report, event }) =>
    given(...situation(name).history)
      .when(report)
      .then(event),
  );
});

describe('reports of an attempt that does not run change nothing', () => {
  const idle = situationNames.filter((name) => !underWay.includes(name));
  const cells = idle.flatMap((name) => reports.map(([report]) => ({ name, report })));
  test.each(cells)('$name: $report.type', ({ name, report }) =>
    given(...situation(name).history)
      .when(report)
      .thenNothing(),
  );

  const history = situation('running, a step under way').history;
  test.each([complete(enrich, 2), fail(enrich, 0), interrupt(enrich, 2)])('$type of another attempt', (report) =>
    given(...history)
      .when(report)
      .thenNothing(),
  );
  test.each([complete(compose, 1), fail(compose, 1), interrupt(compose, 1)])('$type of another step', (report) =>
    given(...history)
      .when(report)
      .thenNothing(),
  );

  const takenOver = [...history, enrich.interrupted(1), enrich.started(2, { worker: 'worker-b' })];
  const abandoned = [...history, enrich.retryRequested(2, 1), enrich.started(2, { generation: 2 })];
  test.each(reports.map(([report]) => report))('a late $type of an attempt that another replaced', (report) => {
    given(...takenOver)
      .when(report)
      .thenNothing();
    given(...abandoned)
      .when(report)
      .thenNothing();
  });

  test.each([start(enrich, 1), ...reports.map(([report]) => report)])(
    '$type without a history is not found',
    (report) =>
      given()
        .when(report)
        .thenRejected('NotFound', /no such execution/i),
  );
});

describe('starting an attempt', () => {
  const may = Object.keys(startable) as SituationName[];
  test.each(may)('%s: the due attempt starts', (name) => {
    const [step, attempt] = startable[name]!;
    const { history } = situation(name);
    const after = history.findLast(({ type }) => type === 'StepFailed');
    given(...history)
      .when(start(step, attempt, DUE))
      .then(step.started(attempt, { at: DUE, after }));
  });

  const cells = situationNames.flatMap((name) =>
    [enrich, compose].flatMap((step) => [0, 1, 2, 3].map((attempt) => ({ name, step, attempt }))),
  );
  const wrong = cells.filter(
    ({ name, step, attempt }) => startable[name]?.[0] !== step || startable[name]?.[1] !== attempt,
  );
  test.each(wrong)('$name: attempt $attempt of $step.name does not start', ({ name, step, attempt }) =>
    given(...situation(name).history)
      .when(start(step, attempt, DUE))
      .thenNothing(),
  );

  test('not a millisecond before its retry is due', () =>
    given(...situation('waiting for a retry').history)
      .when(start(enrich, 2, DUE - 1))
      .thenNothing());

  test('of two workers that claim one attempt the second gets nothing', () =>
    given(...situation('running, nothing started').history, enrich.started(1, { worker: 'worker-a' }))
      .when(start(enrich, 1, 0, 'worker-b'))
      .thenNothing());

  test('the claim names the worker, the deadline and the key', () =>
    given(workflowStarted(definition))
      .when(start(enrich, 1, 5_000, 'worker-b'))
      .then({
        type: 'StepStarted',
        data: {
          stepId: enrich.id,
          step: 'enrich',
          attempt: 1,
          generation: 1,
          agent: 'regdata',
          worker: 'worker-b',
          startedAt: '2030-01-01T00:00:05.000Z',
          deadline: '2030-01-01T00:10:05.000Z',
          idempotencyKey: '11111111-1111-4111-8111-111111111111:enrich:1',
        },
      }));

  test('a waiting attempt that was paused starts after the resume, when it is due', () => {
    const again = [...situation('waiting for a retry').history, paused(), resumed];
    given(...again)
      .when(start(enrich, 2, DUE - 1))
      .thenNothing();
    given(...again)
      .when(start(enrich, 2, DUE))
      .then(enrich.started(2, { at: DUE, after: enrich.failedForNow(1) }));
  });
});

test('a clock that is behind never makes a negative duration', () =>
  given(workflowStarted(definition), enrich.started(1, { at: 5_000 }))
    .when(complete(enrich, 1, 1_000))
    .then(enrich.completed(1, { durationMs: 0 })));
