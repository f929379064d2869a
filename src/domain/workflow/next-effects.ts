import { unreachable } from '../decider.js';
import type { StepCommand } from './commands.js';
import type { StepId } from './events.js';
import { isSilent, nextCheckAt } from './heartbeat.js';
import { currentStep, isReleased, type WorkflowState } from './state.js';

export type Effect =
  /** Claim this attempt, call the agent, report. */
  | Readonly<{ kind: 'RunStep'; stepId: StepId; attempt: number }>
  /** Something is known without a call: a deadline has passed, a worker is gone. */
  | Readonly<{ kind: 'Report'; command: StepCommand }>
  | Readonly<{ kind: 'WakeAt'; at: string }>;

export const timedOut = (stepId: StepId, attempt: number, timeoutMs: number): StepCommand => ({
  type: 'FailStep',
  data: {
    stepId,
    attempt,
    error: {
      type: 'transient',
      code: 'TIMEOUT',
      message: `The agent did not answer within ${timeoutMs / 1000} s`,
    },
    retryAfterMs: null,
  },
});

/**
 * The saga's to-do list, derived from state alone. An event only says "look again":
 * duplicates, restarts and missed wake-ups all lead to the same list.
 * @param isAlive whether the worker that claimed an attempt still gives signs of life
 */
export const nextEffects = (
  state: WorkflowState,
  now: Date,
  isAlive: (worker: string) => boolean,
): readonly Effect[] => {
  if (state.status !== 'running' && state.status !== 'paused') return [];
  const current = currentStep(state);
  if (!current) return [];
  const { step, definition } = current;
  const isDue = (at: string) => Date.parse(at) <= now.getTime();
  const mayStart = state.status === 'running' && isReleased(state, step.id);
  const run: Effect = {
    kind: 'RunStep',
    stepId: step.id,
    attempt: step.attempt + 1,
  };

  switch (step.status) {
    case 'running': {
      const { attempt } = step;
      if (isDue(step.deadline)) {
        return [
          {
            kind: 'Report',
            command: timedOut(step.id, attempt, definition.timeoutMs),
          },
        ];
      }
      if (isSilent(step, now)) {
        return [{ kind: 'Report', command: { type: 'ExpireHeartbeat', data: { stepId: step.id, attempt } } }];
      }
      return step.deferred || isAlive(step.worker)
        ? [{ kind: 'WakeAt', at: nextCheckAt(step) }]
        : [
            {
              kind: 'Report',
              command: {
                type: 'InterruptStep',
                data: { stepId: step.id, attempt, cause: 'worker_lost' },
              },
            },
          ];
    }
    case 'waiting':
      if (!mayStart) return [];
      return isDue(step.retryAt) ? [run] : [{ kind: 'WakeAt', at: step.retryAt }];
    case 'pending':
      return mayStart ? [run] : [];
    case 'completed':
    case 'skipped':
    case 'failed':
    case 'cancelled':
      return [];
    default:
      return unreachable(step);
  }
};
