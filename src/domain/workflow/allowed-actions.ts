import { currentStep, isReleased, type ExistingWorkflow } from './state.js';

/** The operator's verbs as the API names them. */
export type Action = 'pause' | 'resume' | 'retry' | 'cancel' | 'next_step' | 'remaining';

/** What an operator may ask for now and would change something. Final states allow nothing. */
export const allowedActions = (state: ExistingWorkflow): readonly Action[] => {
  const current = currentStep(state);
  const status = current?.step.status;
  // An attempt that was interrupted goes on by itself; only a pause holds it back, and a retry leaves the pause.
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
