/** Where a history and other rules part: one decision that was taken one way and would have been taken another. */
import type { WorkflowEvent } from '../events.js';
import { currentStep, type ExistingWorkflow } from '../state.js';

export const DIFFERENCES = [
  'steps', // the definition has other steps, or another order
  'order', // another step would have come next
  'agent', // another agent would have been called
  'deadline', // the attempt would have had another timeout or heartbeat timeout, which changes nothing by itself
  'timeout', // the attempt would have ended before its agent answered, or would have been waited for longer
  'budget', // a failure would have counted against another number of attempts, which changes nothing by itself
  'delay', // the next attempt would have come earlier or later
  'retry', // something else would have followed a failure
  'end', // the execution would have ended there, or would not have
  'refused', // an operator's order would have been refused
] as const;

export type DifferenceKind = (typeof DIFFERENCES)[number];

/** `real` and `other`: in words, what was decided, and what would have been. `isLast`: what follows is not known. */
export type Difference = Readonly<{
  kind: DifferenceKind;
  step: string | null;
  real: string;
  other: string;
  isLast: boolean;
}>;

/** @param other the execution under the other rules, as the command found it */
export const differencesOf = (
  real: readonly WorkflowEvent[],
  decided: readonly WorkflowEvent[],
  other: ExistingWorkflow,
): readonly Difference[] => {
  const [first] = real;
  if (!first) return [];
  const step = 'step' in first.data ? first.data.step : null;
  const of = (kind: DifferenceKind, was: string, would: string, isLast: boolean): Difference[] =>
    was === would ? [] : [{ kind, step, real: was, other: would, isLast }];
  const [instead] = decided;

  if (first.type === 'StepStarted' && !instead) {
    const next = currentStep(other)?.definition.name;
    return of('order', `${first.data.step} starts`, next ? `${next} would come next` : 'nothing would start', true);
  }
  if (first.type === 'StepStarted' && instead?.type === 'StepStarted') {
    const agent = of('agent', first.data.agent, instead.data.agent, true);
    return [...agent, ...of('deadline', span(timeoutOf(first)), span(timeoutOf(instead)), false)];
  }
  if (first.type === 'StepDeferred' && instead?.type === 'StepDeferred') {
    const silence = ({ data }: typeof first) =>
      data.heartbeatTimeoutMs === null ? 'no heartbeat' : `a heartbeat within ${span(data.heartbeatTimeoutMs)}`;
    return of('deadline', silence(first), silence(instead), false);
  }
  if (first.type === 'StepFailed' && instead?.type === 'StepFailed') {
    const follows = of('retry', whatFollowed(real), whatFollowed(decided), true);
    if (follows.length > 0) return follows;
    const [was, would] = [first.data.decision, instead.data.decision];
    const ending = of('end', endOf(real), endOf(decided), true);
    return [
      ...of('delay', delayed(was.delayMs), delayed(would.delayMs), false),
      ...of('budget', `attempt ${was.attempt} of ${was.of}`, `attempt ${would.attempt} of ${would.of}`, false),
      ...ending,
    ];
  }
  return of(first.type === 'StepCompleted' ? 'end' : 'order', endOf(real), endOf(decided), true);
};

const timeoutOf = ({ data }: Extract<WorkflowEvent, { type: 'StepStarted' }>) =>
  Date.parse(data.deadline) - Date.parse(data.startedAt);

const delayed = (ms: number | null) => (ms === null ? 'no further attempt' : `again after ${span(ms)}`);

const FOLLOWS: Readonly<Partial<Record<WorkflowEvent['type'], string>>> = {
  WorkflowFailed: 'the execution fails',
  WorkflowPaused: 'the execution pauses',
  StepSkipped: 'the step is skipped',
};

const whatFollowed = ([first, second]: readonly WorkflowEvent[]): string =>
  first?.type === 'StepFailed' && first.data.retryAt !== null
    ? 'another attempt'
    : ((second && FOLLOWS[second.type]) ?? 'nothing');

const endOf = (events: readonly WorkflowEvent[]): string => {
  const types = events.map(({ type }) => type);
  if (types.includes('WorkflowCompleted')) return 'the execution is completed';
  if (types[0] === 'StepCompleted' || types[0] === 'StepFailed') return 'the execution goes on';
  return types.join(', ') || 'nothing would happen';
};

/** A time in few words: `1.5 s`, `10 min`, `2 h`. */
export const span = (ms: number): string => {
  if (Math.abs(ms) < 1_000) return `${ms} ms`;
  const [size, unit] =
    Math.abs(ms) < 60_000 ? [1_000, 's'] : Math.abs(ms) < 3_600_000 ? [60_000, 'min'] : [3_600_000, 'h'];
  return `${Math.round((ms / size) * 100) / 100} ${unit}`;
};
