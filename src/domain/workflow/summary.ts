/** An execution in the words of the API, derived from its state alone. */
import type { JsonObject } from '../json.js';
import { nextCheckAt } from './heartbeat.js';
import { currentStep, isDone, isReleased, stepAt, type ExistingWorkflow } from './state.js';

export type Summary = Readonly<{
  /** `created`, `enriching`, `enriched`, ... `completed`, `failed`, `paused`, `cancelled`. */
  state: string;
  /** The step that runs, waits or failed; between steps the one that ended last; null before the first. */
  step: string | null;
  /** The step that would start next; null while one is under way and at the end. */
  nextStep: string | null;
  /** Whole percent, 0 to 100; 100 only for a completed execution. */
  percentComplete: number;
  /** When the saga has to look again: a deadline, a retry, or `now` for work that is due at once; null: never. */
  nextActionAt: string | null;
}>;

export const summarise = (state: ExistingWorkflow, now: Date): Summary => ({
  nextActionAt: nextActionAt(state, now),
  nextStep: nextStep(state),
  percentComplete: percentComplete(state),
  state: currentStateOf(state),
  step: stepName(state),
});

export const currentStateOf = (state: ExistingWorkflow): string =>
  state.status === 'running' ? progressOf(state) : state.status;

/** Where it stands in the definition's order, pause or not. An attempt that was begun counts as running until it ends. */
const progressOf = (state: ExistingWorkflow): string => {
  const current = currentStep(state);
  if (current && current.step.attempt > 0) return current.definition.runningState;
  const last = stepAt(state, (current?.index ?? state.steps.length) - 1)?.definition;
  // `completed` is the word for the whole: a client that reads it may count on 100 % and on the time of completion.
  return last?.completedState === 'completed' ? last.runningState : (last?.completedState ?? 'created');
};

const stepName = (state: ExistingWorkflow): string | null => {
  const current = currentStep(state);
  const shown = current && current.step.attempt > 0 ? current.index : (current?.index ?? state.steps.length) - 1;
  return stepAt(state, shown)?.definition.name ?? null;
};

const nextStep = (state: ExistingWorkflow): string | null => {
  const current = currentStep(state);
  return current?.step.status === 'pending' ? current.definition.name : null;
};

const percentComplete = (state: ExistingWorkflow): number => {
  if (state.status === 'completed') return 100;
  const weights = state.definition.steps.map(({ weight }) => weight);
  const done = weights.filter((_, index) => isDone(state.steps[index]!));
  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
  const current = currentStep(state);
  const share = current ? current.definition.weight * (current.step.reached / 100) : 0;
  return Math.min(99, Math.floor((100 * (sum(done) + share)) / sum(weights)));
};

const nextActionAt = (state: ExistingWorkflow, now: Date): string | null => {
  const step = currentStep(state)?.step;
  if (!step) return null;
  if (step.status === 'running') return nextCheckAt(step);
  if (state.status !== 'running' || !isReleased(state, step.id)) return null;
  if (step.status === 'waiting') return step.retryAt;
  return step.status === 'pending' ? now.toISOString() : null;
};

/** The operator's verbs as the API names them. */
export type Action = 'pause' | 'resume' | 'retry' | 'cancel' | 'next_step' | 'remaining';

/** The operator's commands that are allowed now and would change something. Final states allow nothing. */
export const allowedActions = (state: ExistingWorkflow): readonly Action[] => {
  const current = currentStep(state);
  const status = current?.step.status;
  // An interrupted attempt starts again by itself; only a pause holds it back, and a retry leaves the pause.
  const heldBack = status === 'pending' && (current?.step.attempt ?? 0) > 0 && state.status === 'paused';
  const begun = status === 'failed' || status === 'running' || status === 'waiting';
  const retry: Action[] = begun || heldBack ? ['retry'] : [];
  const exhausted = status === 'failed' && state.status === 'paused';
  const idle =
    exhausted || (status === 'pending' && (state.status === 'paused' || !isReleased(state, current?.step.id ?? '')));
  const next: Action[] = idle ? ['next_step'] : [];
  switch (state.status) {
    case 'running':
      return ['pause', ...retry, ...next, ...(state.release === 'all' ? [] : (['remaining'] as const)), 'cancel'];
    case 'paused':
      return ['resume', ...retry, ...next, 'remaining', 'cancel'];
    case 'failed':
      return ['retry', 'cancel'];
    case 'completed':
    case 'cancelled':
      return [];
  }
};

export type Checkpoint = Readonly<{
  last_completed_step: string | null;
  intermediate_results: JsonObject;
}>;

export const emptyCheckpoint: Checkpoint = {
  last_completed_step: null,
  intermediate_results: {},
};

/** For agents and clients: the outputs of the completed steps, in order. */
export const checkpointOf = ({ steps, definition }: ExistingWorkflow): Checkpoint => {
  const done = steps.flatMap((step, index) =>
    step.status === 'completed' ? [{ name: definition.steps[index]!.name, output: step.output }] : [],
  );
  return {
    last_completed_step: done.at(-1)?.name ?? null,
    // One step's output laid over what came before: a key that returns replaces the earlier value.
    intermediate_results: Object.fromEntries(done.flatMap(({ output }) => Object.entries(output))),
  };
};
