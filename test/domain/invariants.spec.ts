/** What must hold whatever is done, in whatever order. Checked on the events alone, not with the domain's own state. */
import fc from 'fast-check';
import type { WorkflowEvent } from '../../src/domain/workflow/events.js';
import { pauseStateOf } from '../../src/domain/workflow/state.js';
import { summarise } from '../../src/domain/workflow/summary.js';
import { EVENT_TYPES } from '../support/event-types.js';
import { historyOf, take, walks, type Turn } from './walks.js';

const SEED = 20_300_101;
const RUNS = 120;

type Of<Type extends WorkflowEvent['type']> = Extract<WorkflowEvent, { type: Type }>;
const isA =
  <Type extends WorkflowEvent['type']>(...types: Type[]) =>
  (event: WorkflowEvent): event is Of<Type> =>
    (types as string[]).includes(event.type);

const isFinal = isA('WorkflowCompleted', 'WorkflowCancelled');
const endsStep = isA('StepCompleted', 'StepSkipped');
const endsAttempt = isA('StepCompleted', 'StepFailed', 'StepInterrupted', 'StepRetryRequested', 'WorkflowCancelled');
const startsStep = isA('StepStarted');

const onEveryWalk = (check: (turns: readonly Turn[]) => void, numRuns = RUNS) =>
  fc.assert(
    fc.property(walks, (walk) => check(take(walk))),
    { seed: SEED, numRuns },
  );

/** The attempt that runs after this history, told from the events alone. */
const runningAfter = (history: readonly WorkflowEvent[]): Of<'StepStarted'> | undefined => {
  const last = history.findLast((event) => startsStep(event) || endsAttempt(event));
  return last && startsStep(last) ? last : undefined;
};

/** Whether the attempt that runs after this history goes on without a connection. */
const deferredAfter = (history: readonly WorkflowEvent[]): boolean => {
  const start = history.findLastIndex(startsStep);
  return history.slice(start).some(isA('StepDeferred'));
};

const pausedAfter = (history: readonly WorkflowEvent[]): boolean =>
  history.findLast(isA('WorkflowPaused', 'WorkflowResumed', 'WorkflowFailed'))?.type === 'WorkflowPaused';

test('the walks are worth walking: they reach every kind of event and every end', () => {
  const seen = new Map<string, number>();
  let rejections = 0;
  onEveryWalk((turns) => {
    rejections += turns.filter(({ events }) => events === null).length;
    for (const { type } of historyOf(turns)) seen.set(type, (seen.get(type) ?? 0) + 1);
  });
  expect([...seen.keys()].sort()).toEqual(EVENT_TYPES);
  expect(Math.min(...seen.values())).toBeGreaterThan(5);
  expect(rejections).toBeGreaterThan(RUNS / 2);
});

test("states follow the definition's order, and percent_complete falls on an operator's retry only", () =>
  onEveryWalk((turns) => {
    const { steps } = turns[0]!.after.definition;
    const order = ['created', ...steps.flatMap(({ runningState, completedState }) => [runningState, completedState])];
    const seen = turns.map((turn) => ({ ...turn, ...summarise(turn.after, turn.at) }));
    const falls = seen.filter(({ percentComplete, events }, index) => {
      const before = seen[index - 1]?.percentComplete ?? 0;
      return percentComplete < before && !events?.some(isA('StepRetryRequested'));
    });
    const places = seen.filter(({ after }) => after.status === 'running').map(({ state }) => order.indexOf(state));
    expect(falls).toEqual([]);
    expect(places).toEqual(places.toSorted((one, other) => one - other));
    expect(places).not.toContain(-1);
    expect(seen.filter(({ after, state }) => after.status !== 'running' && state !== after.status)).toEqual([]);
    expect(seen.filter((one) => (one.percentComplete === 100) !== (one.after.status === 'completed'))).toEqual([]);
  }));

test('nothing follows a final event, and only a retry or a cancellation follows a failure', () =>
  onEveryWalk((turns) => {
    const history = historyOf(turns);
    const end = history.findIndex(isFinal);
    if (end >= 0) expect(end).toBe(history.length - 1);
    history.forEach((event, index) => {
      if (event.type === 'WorkflowFailed' && index < history.length - 1)
        expect(['StepRetryRequested', 'WorkflowCancelled']).toContain(history[index + 1]!.type);
    });
  }));

test('a step starts only after every earlier one is completed or skipped, and each ends once', () =>
  onEveryWalk((turns) => {
    const { stepIds } = (turns[0]!.events![0] as Of<'WorkflowStarted'>).data;
    const ended: string[] = [];
    for (const event of historyOf(turns)) {
      if (startsStep(event)) expect(ended).toEqual(stepIds.slice(0, stepIds.indexOf(event.data.stepId)));
      if (endsStep(event)) ended.push(event.data.stepId);
    }
    if (turns.at(-1)!.after.status === 'completed') expect(ended).toEqual(stepIds);
  }));

test('attempts count up by one; a generation has its own key, and a key one generation', () =>
  onEveryWalk((turns) => {
    const starts = historyOf(turns).filter(startsStep);
    const keys = new Map<string, string>();
    starts.forEach(({ data }, index) => {
      const before = starts.slice(0, index).filter((other) => other.data.stepId === data.stepId);
      expect(data.attempt).toBe(before.length + 1);
      keys.set(`${data.step}:${data.generation}`, data.idempotencyKey);
    });
    expect(new Set(starts.map(({ data }) => data.idempotencyKey)).size).toBe(keys.size);
  }));

test('a generation fails at most as often as it may try, and not at all again after an error that is not retried', () =>
  onEveryWalk((turns) => {
    const { definition } = turns[0]!.after;
    const history = historyOf(turns);
    history.forEach((event, index) => {
      if (!startsStep(event)) return;
      const { step, generation, startedAt } = event.data;
      const mostAttempts = definition.steps.find(({ name }) => name === step)!.retry.maximumAttempts;
      const failures = history
        .slice(0, index)
        .filter(isA('StepFailed'))
        .filter(({ data }) => data.step === step && data.generation === generation);
      expect(failures.length).toBeLessThan(mostAttempts);
      expect(failures.every(({ data }) => data.error.type === 'transient')).toBe(true);
      const last = failures.at(-1)?.data;
      if (last) expect(Date.parse(startedAt)).toBeGreaterThanOrEqual(Date.parse(last.retryAt!));
    });
  }));

test('a retry is due after the scheduled delay and after Retry-After', () =>
  onEveryWalk((turns) => {
    for (const { command, events, at } of turns) {
      const failed = events?.find(isA('StepFailed'));
      if (!failed?.data.retryAt || command.type !== 'FailStep') continue;
      const gap = Date.parse(failed.data.retryAt) - at.getTime();
      const scheduled = 1_000 * 2 ** (failed.data.decision.attempt - 1);
      expect(gap).toBe(Math.max(scheduled, command.data.retryAfterMs ?? 0));
    }
  }));

test('an execution pauses by itself exactly where a required step that asks for it has used up its retries', () => {
  let pauses = 0;
  onEveryWalk((turns) => {
    const { steps } = turns[0]!.after.definition;
    for (const { events } of turns) {
      const failed = events?.find(isA('StepFailed'))?.data;
      const paused = events?.find(isA('WorkflowPaused'))?.data;
      const step = steps.find(({ name }) => name === failed?.step);
      const isUsedUp = failed?.error.type === 'transient' && failed.retryAt === null && step!.retry.maximumAttempts > 1;
      const asked = isUsedUp && step?.required === true && step.onExhausted === 'pause';
      expect(paused?.cause).toBe(asked ? 'retries_exhausted' : undefined);
      if (asked) expect(events?.some(isA('WorkflowFailed'))).toBe(false);
      pauses += asked ? 1 : 0;
    }
  }, 4 * RUNS);
  expect(pauses).toBeGreaterThan(5);
});

test('a pause is drained exactly when no attempt runs', () =>
  onEveryWalk((turns) => {
    const seen = turns.map(({ after }, index) => {
      const running = runningAfter(historyOf(turns.slice(0, index + 1)));
      const expected = after.status !== 'paused' ? null : running ? 'pausing' : 'paused';
      return { said: pauseStateOf(after), expected };
    });
    expect(seen.filter(({ said, expected }) => said !== expected)).toEqual([]);
  }));

test('no step starts between paused and resumed', () =>
  onEveryWalk((turns) => {
    const history = historyOf(turns);
    const wrong = history.filter((event, index) => startsStep(event) && pausedAfter(history.slice(0, index)));
    expect(wrong).toEqual([]);
  }));

test('a report counts exactly when its attempt is running, paused or not', () =>
  onEveryWalk((turns) => {
    const wrong = turns.filter(({ command, events }, index) => {
      const { type } = command;
      if (type !== 'CompleteStep' && type !== 'FailStep' && type !== 'InterruptStep') return false;
      const running = runningAfter(historyOf(turns.slice(0, index)))?.data;
      const isOwn = running?.stepId === command.data.stepId && running.attempt === command.data.attempt;
      const counts = isOwn && !(type === 'InterruptStep' && deferredAfter(historyOf(turns.slice(0, index))));
      const recorded = { CompleteStep: 'StepCompleted', FailStep: 'StepFailed', InterruptStep: 'StepInterrupted' };
      return events === null || events[0]?.type !== (counts ? recorded[type] : undefined);
    });
    expect(wrong).toEqual([]);
  }));

test('progress is of the attempt that runs, and an agent however eager leaves a bounded number of events', () =>
  onEveryWalk((turns) => {
    const history = historyOf(turns);
    history.forEach((event, index) => {
      if (event.type !== 'StepProgressed' && event.type !== 'StepDeferred') return;
      const before = history.slice(0, index);
      const running = runningAfter(before);
      const { stepId, attempt } = event.data;
      expect({ stepId, attempt }).toEqual({ stepId: running?.data.stepId, attempt: running?.data.attempt });
      if (event.type === 'StepDeferred') expect(deferredAfter(before)).toBe(false);
      else expect(event.data.heartbeatDueAt === null || deferredAfter(before)).toBe(true);
    });
    const spoken = history.filter(isA('StepProgressed')).map(({ data }) => data);
    spoken.forEach((said, index) => {
      const sameAttempt = (other: typeof said) => other.stepId === said.stepId && other.attempt === said.attempt;
      const last = spoken.slice(0, index).findLast(sameAttempt);
      if (!last) return;
      const hasGrown = Math.floor(said.percent ?? 0) > Math.floor(last.percent ?? 0);
      expect(hasGrown || Date.parse(said.at) - Date.parse(last.at) >= 250).toBe(true);
    });
  }));

test('a heartbeat is missed only after the whole timeout without one', () =>
  onEveryWalk((turns) => {
    turns.forEach(({ at, events, after, before }, index) => {
      const failed = events?.find(isA('StepFailed'));
      if (failed?.data.error.code !== 'HEARTBEAT_TIMEOUT' || before.status === 'none') return;
      const { heartbeatTimeoutMs = 0 } = after.definition.steps.find(({ name }) => name === failed.data.step)!;
      const { stepId, attempt } = failed.data;
      const signs = turns.slice(0, index).filter(({ command: { type, data }, events: made }) => {
        // Only an agent's own words: whoever reports the deferral once more has not heard of it.
        const isSign = type === 'ProgressStep' || (type === 'DeferStep' && made?.length === 1);
        return isSign && data.stepId === stepId && data.attempt === attempt;
      });
      expect(at.getTime() - signs.at(-1)!.at.getTime()).toBeGreaterThanOrEqual(heartbeatTimeoutMs);
    });
  }));
