import type { StepError } from '../../domain/workflow/retry-policy.js';
import type { StepFailed, WorkflowEvent } from '../../domain/workflow/events.js';
import type { PauseState } from '../../domain/workflow/state.js';
import type { DecisionView } from '../queries/read-model.js';

export const errorColumns = ({ type, code, message }: StepError) => ({
  error_type: type,
  error_code: code,
  error_message: message,
});

export const noError = { error_type: null, error_code: null, error_message: null };

export const decisionColumn = ({ error, retryAt, decision }: StepFailed): DecisionView => ({
  rule: decision.rule,
  error_type: decision.errorType ?? error.type,
  attempt: decision.attempt,
  of: decision.of,
  delay_ms: decision.delayMs,
  delay_source: decision.delaySource,
  then: decision.then ?? (retryAt === null ? null : 'retry'),
});

type PauseColumns = Readonly<{ pause_state: PauseState | null; drained: boolean }>;

const columns = (pauseState: PauseState | null): PauseColumns => ({
  pause_state: pauseState,
  drained: pauseState === 'paused',
});

export const notPaused = columns(null);

const endsAttempt: ReadonlySet<WorkflowEvent['type']> = new Set([
  ...(['StepCompleted', 'StepFailed', 'StepSkipped', 'StepInterrupted'] as const),
]);

/**
 * The two phases of a pause as far as one event shows: a pause names the step in flight, and the end of that attempt drains
 * it. Nothing where the event does not show it; so it is read from the events of every version.
 */
export const pauseColumns = (event: WorkflowEvent, currentState: string): Partial<PauseColumns> => {
  if (currentState !== 'paused') return notPaused;
  if (event.type === 'WorkflowPaused') return columns(event.data.stepInFlight === null ? 'paused' : 'pausing');
  return endsAttempt.has(event.type) ? columns('paused') : {};
};
