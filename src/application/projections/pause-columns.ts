import type { WorkflowEvent } from '../../domain/workflow/events.js';
import type { PauseState } from '../../domain/workflow/pause-state.js';

type PauseColumns = Readonly<{ pause_state: PauseState | null; drained: boolean }>;

const columns = (pauseState: PauseState | null): PauseColumns => ({
  pause_state: pauseState,
  drained: pauseState === 'paused',
});

export const notPaused = columns(null);

/**
 * The two phases of a pause as far as one event tells: a pause names the step in flight, and the end of that attempt drains
 * it. Nothing where the event does not tell; so it is read from the events of every version.
 */
export const pauseColumns = (event: WorkflowEvent, currentState: string): Partial<PauseColumns> => {
  if (currentState !== 'paused') return notPaused;
  switch (event.type) {
    case 'WorkflowPaused':
      return columns(event.data.stepInFlight === null ? 'paused' : 'pausing');
    case 'StepCompleted':
    case 'StepFailed':
    case 'StepSkipped':
    case 'StepInterrupted':
      return columns('paused');
    default:
      return {};
  }
};
