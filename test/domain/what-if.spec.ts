/** Real histories through other rules. */
import fc from 'fast-check';
import type { WorkflowDefinition, WorkflowEvent } from '../../src/domain/workflow/events.js';
import type { Difference } from '../../src/domain/workflow/what-if/difference.js';
import { beginning, follow, type Rules, type Turn } from '../../src/domain/workflow/what-if/follow.js';
import {
  completed,
  dateAt,
  fourAttempts,
  ibGeneration,
  oneAttempt,
  paused,
  resumed,
  stepOf,
  transient,
  twoSteps,
  validation,
  workflowStarted,
} from '../support/histories.js';
import { take, walks } from './walks.js';

const same: Rules = (definition) => definition;
const instead =
  (definition: WorkflowDefinition): Rules =>
  () =>
    definition;

const followAll = (turns: readonly Turn[], rules: Rules) => {
  const told: (Difference & { turn: number })[] = [];
  let course = beginning;
  turns.forEach((turn, index) => {
    const { course: next, differences } = follow(course, turn, rules);
    told.push(...differences.map((difference) => ({ ...difference, turn: index })));
    course = next;
  });
  return { differences: told, course };
};

const turn = (ms: number, ...events: readonly WorkflowEvent[]): Turn => ({ at: dateAt(ms), events });

const definition = twoSteps();
const [enrich, compose] = [stepOf(definition, 0), stepOf(definition, 1)];
const start = turn(0, workflowStarted(definition));

/** Fails once, is tried again, completes; so does the second step, at its first attempt. */
const failure = enrich.failedForNow(1, { at: 2_000 });
const history = [
  start,
  turn(0, enrich.started(1)),
  turn(2_000, failure),
  turn(3_000, enrich.started(2, { at: 3_000, after: failure })),
  turn(5_000, enrich.completed(2)),
  turn(5_000, compose.started(1, { at: 5_000 })),
  turn(7_000, compose.completed(1), completed),
];

test('under its own rules no history differs, whatever happened', () =>
  fc.assert(
    fc.property(walks, (walk) => {
      const turns = take(walk).flatMap(({ at, events }) => (events && events.length > 0 ? [{ at, events }] : []));
      const { differences, course } = followAll(turns, same);
      expect(differences).toEqual([]);
      expect({ ...course, other: course.real }).toEqual({ ...course, shiftMs: 0 });
    }),
    { seed: 20_300_105, numRuns: 300 },
  ));

test('another delay moves what follows, and the history still fits', () => {
  const slower = twoSteps({ retry: { ...fourAttempts, initialIntervalMs: 11_000 } });
  const { differences, course } = followAll(history, instead(slower));
  expect(differences).toEqual([
    { turn: 2, kind: 'delay', step: 'enrich', real: 'again after 1 s', other: 'again after 11 s', isLast: false },
  ]);
  expect(course.shiftMs).toBe(10_000);
  expect(course.other).toMatchObject({ status: 'completed' });
});

test('a pause that was longer than either delay hides the difference in time', () => {
  const turns = [
    ...history.slice(0, 3),
    turn(2_100, paused()),
    turn(60_000, resumed),
    turn(60_000, enrich.started(2, { at: 60_000, after: failure })),
  ];
  const { differences, course } = followAll(
    turns,
    instead(twoSteps({ retry: { ...fourAttempts, initialIntervalMs: 11_000 } })),
  );
  expect(differences.map(({ kind }) => kind)).toEqual(['delay']);
  expect(course.shiftMs).toBe(0);
});

test('a failure that would not have been retried: what follows is not known', () => {
  const { differences, course } = followAll(history, instead(twoSteps({ retry: oneAttempt })));
  const [retry] = differences;
  expect(differences).toEqual([
    { turn: 2, kind: 'retry', step: 'enrich', real: 'another attempt', other: 'the execution fails', isLast: true },
  ]);
  expect(retry?.isLast).toBe(true);
  expect(course.other).toBeNull();
});

test.each([
  [{ required: false, retry: oneAttempt }, 'the step is skipped'],
  [{ onExhausted: 'pause' as const, retry: { ...fourAttempts, maximumAttempts: 1 } }, 'the execution fails'],
])('what would follow a failure under %j', (change, other) =>
  expect(followAll(history, instead(twoSteps(change))).differences).toMatchObject([{ kind: 'retry', other }]),
);

test('a failure that ended the execution would have been tried again', () => {
  const last = enrich.failedForGood(1, 'error_not_retryable', { error: validation });
  const exhausted = enrich.failedForGood(1, 'step_not_retryable');
  const ending = (event: WorkflowEvent) => [
    start,
    turn(0, enrich.started(1)),
    turn(2_000, event, enrich.failedWorkflow()),
  ];
  expect(followAll(ending(exhausted), same).differences).toMatchObject([
    { kind: 'retry', real: 'the execution fails', other: 'another attempt', isLast: true },
  ]);
  expect(followAll(ending(last), same).differences).toEqual([]);
});

test('a Retry-After that was followed is followed again', () => {
  const asked = enrich.failedForNow(1, { at: 2_000, delayMs: 30_000, source: 'retry_after' });
  const turns = [start, turn(0, enrich.started(1)), turn(2_000, asked)];
  const quicker = twoSteps({ retry: { ...fourAttempts, initialIntervalMs: 10 } });
  expect(followAll(turns, instead(quicker)).differences).toEqual([]);
  const slower = twoSteps({ retry: { ...fourAttempts, initialIntervalMs: 31_000 } });
  expect(followAll(turns, instead(slower)).differences).toMatchObject([{ kind: 'delay', other: 'again after 31 s' }]);
});

test('another budget is a difference where nothing else changes', () =>
  expect(followAll(history, instead(twoSteps({ retry: { ...fourAttempts, maximumAttempts: 6 } }))).differences).toEqual(
    [{ turn: 2, kind: 'budget', step: 'enrich', real: 'attempt 1 of 4', other: 'attempt 1 of 6', isLast: false }],
  ));

describe('timeouts', () => {
  test('a longer timeout is a difference of each attempt, and changes nothing', () =>
    expect(followAll(history, instead(twoSteps({ timeoutMs: 900_000 }))).differences).toEqual([
      { turn: 1, kind: 'deadline', step: 'enrich', real: '10 min', other: '15 min', isLast: false },
      { turn: 3, kind: 'deadline', step: 'enrich', real: '10 min', other: '15 min', isLast: false },
    ]));

  test('a timeout that is shorter than an attempt took ends the course', () =>
    expect(followAll(history, instead(twoSteps({ timeoutMs: 1_500 }))).differences).toEqual([
      { turn: 1, kind: 'deadline', step: 'enrich', real: '10 min', other: '1.5 s', isLast: false },
      {
        turn: 2,
        kind: 'timeout',
        step: 'enrich',
        real: 'under way for 2 s',
        other: 'timed out after 1.5 s',
        isLast: true,
      },
    ]));

  const timeout = { ...transient, code: 'TIMEOUT', message: 'The agent did not answer within 600 s' };
  const timedOut = enrich.failedForNow(1, { at: 600_000, error: timeout, durationMs: 600_000 });
  const slow = [start, turn(0, enrich.started(1)), turn(600_000, timedOut)];

  test('an attempt that timed out would have been waited for', () =>
    expect(followAll(slow, instead(twoSteps({ timeoutMs: 900_000 }))).differences.at(-1)).toEqual({
      turn: 2,
      kind: 'timeout',
      step: 'enrich',
      real: 'timed out after 10 min',
      other: 'waited for until 15 min',
      isLast: true,
    }));

  test('an attempt that timed out would have timed out earlier', () => {
    const { differences, course } = followAll(slow, instead(twoSteps({ timeoutMs: 60_000 })));
    expect(differences.map(({ kind }) => kind)).toEqual(['deadline']);
    expect(course.shiftMs).toBe(-540_000);
  });

  test('heartbeats', () => {
    const beating = twoSteps({ heartbeatTimeoutMs: 30_000 });
    const step = stepOf(beating, 0);
    const turns = [
      turn(0, workflowStarted(beating)),
      turn(0, step.started(1)),
      turn(10, step.deferred(1, { at: 10 })),
      turn(20_000, step.progressed(1, 10, { at: 20_000 })),
      turn(25_000, step.completed(1)),
    ];
    expect(followAll(turns, same).differences).toEqual([]);
    expect(followAll(turns, instead(twoSteps({ heartbeatTimeoutMs: 40_000 }))).differences).toMatchObject([
      { kind: 'deadline', real: 'a heartbeat within 30 s', other: 'a heartbeat within 40 s', isLast: false },
    ]);
    expect(followAll(turns, instead(twoSteps({ heartbeatTimeoutMs: 5_000 }))).differences.at(-1)).toMatchObject({
      turn: 3,
      kind: 'timeout',
      other: 'given up after 5 s of silence',
      isLast: true,
    });
  });
});

describe('steps', () => {
  const [first, second, third] = ibGeneration.steps;

  test('another order', () => {
    const swapped = { ...definition, steps: [second!, first!] };
    expect(followAll(history, instead(swapped)).differences).toEqual([
      { turn: 0, kind: 'steps', step: null, real: 'enrich, compose', other: 'compose, enrich', isLast: false },
      { turn: 1, kind: 'order', step: 'enrich', real: 'enrich starts', other: 'compose would come next', isLast: true },
    ]);
  });

  test('another step at the end', () => {
    const longer = { ...definition, steps: [first!, second!, third!] };
    expect(followAll(history, instead(longer)).differences).toMatchObject([
      { turn: 0, kind: 'steps' },
      { turn: 6, kind: 'end', real: 'the execution is completed', other: 'the execution goes on', isLast: true },
    ]);
  });

  test('another agent: its answer is not known', () =>
    expect(followAll(history, instead(twoSteps({}, { agent: 'composer-2' }))).differences).toEqual([
      { turn: 5, kind: 'agent', step: 'compose', real: 'composer', other: 'composer-2', isLast: true },
    ]));
});
