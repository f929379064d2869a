/** A pause to the letter: `current_state` says `paused` for both of its phases. */
import { currentStep, type ExistingWorkflow } from './state.js';

/** `pausing`: a call is still in flight, and its result will be recorded. `paused`: nothing is in flight any more. */
export type PauseState = 'pausing' | 'paused';

/** Null where the execution is not paused. */
export const pauseStateOf = (state: ExistingWorkflow): PauseState | null => {
  if (state.status !== 'paused') return null;
  return currentStep(state)?.step.status === 'running' ? 'pausing' : 'paused';
};
