import type { Notify } from '../../src/application/runtime/errors.js';
import { circuitNotice, noticesOf } from '../../src/application/workflow/notices.js';
import type { WorkflowEvent } from '../../src/domain/workflow/events.js';

const told = (say: (tell: Notify) => void) => {
  const lines: string[] = [];
  say((level, line) => lines.push(`${level}: ${line}`));
  return lines;
};
const of = (...events: unknown[]) =>
  told((tell) =>
    noticesOf(
      'e1',
      (events as WorkflowEvent[]).map((event, index) => ({ id: String(index), event })),
      tell,
    ),
  );

const error = { type: 'transient', code: 'TIMEOUT', message: 'no answer\nin time' };
const failed = (rule: string) => ({
  type: 'StepFailed',
  data: { step: 'write', error, decision: { rule, attempt: 4, of: 4 } },
});

test('an execution that fails is told once, with its step, its error and the retries that were used up', () => {
  expect(of(failed('attempts_exhausted'), { type: 'WorkflowFailed', data: { step: 'write', error } })).toEqual([
    'error: Execution e1 failed at step write, retries exhausted after attempt 4 of 4, transient TIMEOUT: no answer in time',
  ]);
  expect(of(failed('error_not_retryable'), { type: 'WorkflowFailed', data: { step: 'write', error } })).toEqual([
    'error: Execution e1 failed at step write, transient TIMEOUT: no answer in time',
  ]);
});

test('so are steps that are skipped, pauses that wait for an operator, and steps that are handed over', () => {
  expect(of(failed('attempts_exhausted'), { type: 'StepSkipped', data: { step: 'write', error } })).toEqual([
    expect.stringMatching(/^warn: .*step write is skipped, retries exhausted after attempt 4 of 4/),
  ]);
  const exhausted = { step: 'write', error };
  expect(of({ type: 'WorkflowPaused', data: { cause: 'retries_exhausted', exhausted } })).toEqual([
    expect.stringMatching(/^warn: .*waits for an operator: step write has used up its retries/),
  ]);
  expect(of({ type: 'StepInterrupted', data: { step: 'write', worker: 'w', cause: 'shutdown' } })).toEqual([
    'log: Execution e1: step write is handed over by w (shutdown)',
  ]);
});

test('what goes as it should is not told', () => {
  const quiet = ['WorkflowStarted', 'StepStarted', 'StepCompleted', 'WorkflowCompleted', 'WorkflowCancelled'];
  expect(of(...quiet.map((type) => ({ type, data: {} })), failed('retry'))).toEqual([]);
  expect(of({ type: 'WorkflowPaused', data: { stepInFlight: null } })).toEqual([]);
});

test('a circuit is told when it opens and when it is closed again, not when a trial fails', () => {
  const changes = [
    ['closed', 'open'],
    ['open', 'half_open'],
    ['half_open', 'open'],
    ['half_open', 'closed'],
    ['closed', 'closed'],
  ] as const;
  expect(changes.map(([before, after]) => told((tell) => circuitNotice('a', before, after, 0, tell)))).toEqual([
    ['warn: Agent a: its circuit is open on this instance, no call before 1970-01-01T00:00:00.000Z'],
    [],
    [],
    ['log: Agent a: its circuit is closed again on this instance'],
    [],
  ]);
});
