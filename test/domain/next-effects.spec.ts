import type { StepCommand } from '../../src/domain/workflow/commands.js';
import type { WorkflowEvent } from '../../src/domain/workflow/events.js';
import { nextEffects, timedOut, type Effect } from '../../src/domain/workflow/next-effects.js';
import { given } from '../support/given.js';
import * as h from '../support/histories.js';
import { compose, enrich, situation, situationNames, type SituationName } from './situations.js';

const everyoneLives = () => true;
const effectsAt = (
  ms: number,
  history: readonly WorkflowEvent[],
  isAlive: (worker: string) => boolean = everyoneLives,
) => nextEffects(given(...history).state(), h.dateAt(ms), isAlive);

const run = ({ id }: { id: string }, attempt: number): Effect => ({ kind: 'RunStep', stepId: id, attempt });
const wakeAt = (ms: number): Effect => ({ kind: 'WakeAt', at: h.iso(ms) });
const report = (command: StepCommand): Effect => ({ kind: 'Report', command });

const DEADLINE = 600_000;
const interruption: Effect = report({
  type: 'InterruptStep',
  data: { stepId: enrich.id, attempt: 1, cause: 'worker_lost' },
});
const timeout: Effect = report({
  type: 'FailStep',
  data: {
    stepId: enrich.id,
    attempt: 1,
    error: { type: 'transient', code: 'TIMEOUT', message: 'The agent did not answer within 600 s' },
    retryAfterMs: null,
  },
});

const owed: Record<SituationName, readonly Effect[]> = {
  'running, nothing started': [run(enrich, 1)],
  'running, a step under way': [wakeAt(DEADLINE)],
  'running, between two steps': [run(compose, 1)],
  'running, interrupted': [run(enrich, 2)],
  'waiting for a retry': [wakeAt(1_000)],
  'manual, idle': [],
  'manual, a step requested': [run(enrich, 1)],
  'manual, a step under way': [wakeAt(DEADLINE)],
  'manual, one step done': [],
  'paused, idle': [],
  'paused, idle, manual': [],
  'paused with a running step': [wakeAt(DEADLINE)],
  'paused, waiting for a retry': [],
  'paused, interrupted': [],
  'paused, retries exhausted': [],
  'paused, retries exhausted, manual': [],
  failed: [],
  completed: [],
  cancelled: [],
  'cancelled after a failure': [],
};

describe('the effects of every situation', () => {
  test.each(situationNames)('%s', (name) => expect(effectsAt(0, situation(name).history)).toEqual(owed[name]));

  test('nothing, where there is no history', () => expect(effectsAt(0, [])).toEqual([]));
});

describe('a running step', () => {
  const running: readonly SituationName[] = ['running, a step under way', 'paused with a running step'];

  test.each(running)('%s: is watched until its deadline', (name) =>
    expect(effectsAt(DEADLINE - 1, situation(name).history)).toEqual([wakeAt(DEADLINE)]),
  );
  test.each(running)('%s: has timed out at its deadline, whether its worker lives or not', (name) => {
    expect(effectsAt(DEADLINE, situation(name).history)).toEqual([timeout]);
    expect(effectsAt(DEADLINE, situation(name).history, () => false)).toEqual([timeout]);
  });
  test.each(running)('%s: is interrupted when its worker is gone', (name) =>
    expect(effectsAt(5, situation(name).history, () => false)).toEqual([interruption]),
  );

  test('is asked after by the name of its own worker', () => {
    const history = [h.workflowStarted(), enrich.started(1, { worker: 'worker-b' })];
    expect(effectsAt(5, history, (worker) => worker === 'worker-b')).toEqual([wakeAt(DEADLINE)]);
    expect(effectsAt(5, history, (worker) => worker === 'worker-a')).toEqual([interruption]);
  });
});

describe('a step that waits for its retry', () => {
  const { history } = situation('waiting for a retry');

  test('wakes when it is due and not before', () => {
    expect(effectsAt(999, history)).toEqual([wakeAt(1_000)]);
    expect(effectsAt(1_000, history)).toEqual([run(enrich, 2)]);
    expect(effectsAt(90_000, history)).toEqual([run(enrich, 2)]);
  });
  test('stays where it is while paused, however late it is', () =>
    expect(effectsAt(90_000, situation('paused, waiting for a retry').history)).toEqual([]));
});

test('a retry that an operator asked for is due at once', () =>
  expect(effectsAt(0, [...situation('failed').history, enrich.retryRequested(2, null)])).toEqual([run(enrich, 2)]));

test('a timeout is a transient error that names the seconds', () =>
  expect(timedOut(enrich.id, 3, 1_500)).toMatchObject({
    data: {
      attempt: 3,
      error: { type: 'transient', code: 'TIMEOUT', message: expect.stringMatching(/within 1\.5 s$/) },
    },
  }));
