import { unreachable } from '../decider.js';
import type { StepId, WorkflowEvent, WorkflowStarted } from './events.js';
import type { ExistingWorkflow, StepState, WorkflowState } from './state.js';

/** Cannot fail and cannot refuse: an event has already happened. */
export const evolve = (state: WorkflowState, event: WorkflowEvent): WorkflowState => {
  if (event.type === 'WorkflowStarted') return started(event.data);
  if (state.status === 'none') return state;

  switch (event.type) {
    case 'WorkflowPaused':
      return { ...state, status: 'paused' };
    case 'WorkflowResumed':
      return { ...state, status: 'running' };
    case 'WorkflowCompleted':
      return { ...state, status: 'completed' };
    case 'WorkflowFailed':
      return { ...state, status: 'failed' };
    case 'WorkflowCancelled':
      return {
        ...state,
        status: 'cancelled',
        steps: state.steps.map(cancelled),
      };
    case 'NextStepRequested':
      return { ...state, release: { only: event.data.stepId } };
    case 'RemainingStepsRequested':
      return { ...state, release: 'all' };
    case 'StepStarted': {
      const { attempt, worker, startedAt, deadline, idempotencyKey } = event.data;
      return withStep(state, event.data.stepId, ({ id, generation, tries, reached }) => ({
        id,
        attempt,
        generation,
        tries: tries + 1,
        reached,
        status: 'running',
        worker,
        startedAt,
        deadline,
        idempotencyKey,
        deferred: null,
        progress: null,
      }));
    }
    case 'StepDeferred': {
      const { stepId, heartbeatDueAt } = event.data;
      return withStep(state, stepId, (step) =>
        step.status === 'running' ? { ...step, deferred: { heartbeatDueAt } } : step,
      );
    }
    case 'StepProgressed': {
      const { stepId, percent, message, at, heartbeatDueAt } = event.data;
      return withStep(state, stepId, (step) =>
        step.status === 'running'
          ? {
              ...step,
              reached: Math.max(step.reached, percent ?? 0),
              deferred: step.deferred && { heartbeatDueAt },
              progress: { percent, message, at },
            }
          : step,
      );
    }
    case 'StepCompleted': {
      const { stepId, output, artifacts } = event.data;
      return spent(
        withStep(state, stepId, (step) => ({ status: 'completed', output, artifacts, ...counters(step) })),
        stepId,
      );
    }
    case 'StepFailed': {
      const { stepId, error, retryAt, decision } = event.data;
      return withStep(state, stepId, (step) =>
        retryAt === null
          ? { status: 'failed', error, decision, ...counters(step) }
          : { status: 'waiting', retryAt, error, decision, ...counters(step) },
      );
    }
    case 'StepSkipped': {
      const { stepId, error } = event.data;
      return spent(
        withStep(state, stepId, (step) => ({ status: 'skipped', error, ...counters(step) })),
        stepId,
      );
    }
    case 'StepInterrupted':
      return withStep(state, event.data.stepId, (step) => ({
        ...counters(step),
        tries: Math.max(0, step.tries - 1),
        status: 'pending',
      }));
    case 'StepRetryRequested': {
      const { stepId, generation } = event.data;
      const retried = withStep(state, stepId, (step) => ({
        ...counters(step),
        generation,
        tries: 0,
        reached: 0,
        status: 'pending',
      }));
      const release = state.release === 'all' ? 'all' : { only: stepId };
      return {
        ...retried,
        release,
        status: state.status === 'failed' ? 'running' : state.status,
      };
    }
    default:
      return unreachable(event);
  }
};

const started = (data: WorkflowStarted): ExistingWorkflow => ({
  status: 'running',
  executionId: data.executionId,
  projectId: data.projectId,
  documentType: data.documentType,
  metadata: data.metadata,
  definition: data.definition,
  requestHash: data.requestHash,
  release: data.autoExecute ? 'all' : 'none',
  steps: data.stepIds.map((id) => ({
    id,
    attempt: 0,
    generation: 1,
    tries: 0,
    reached: 0,
    status: 'pending',
  })),
});

const counters = ({ id, attempt, generation, tries, reached }: StepState) => ({
  id,
  attempt,
  generation,
  tries,
  reached,
});

const withStep = (state: ExistingWorkflow, id: StepId, change: (step: StepState) => StepState): ExistingWorkflow => ({
  ...state,
  steps: state.steps.map((step) => (step.id === id ? change(step) : step)),
});

/** A request for one step is used up when that step is done. */
const spent = (state: ExistingWorkflow, stepId: StepId): ExistingWorkflow =>
  typeof state.release === 'object' && state.release.only === stepId ? { ...state, release: 'none' } : state;

/** What was done, skipped or failed before a cancellation stays so. */
const cancelled = (step: StepState): StepState =>
  step.status === 'pending' || step.status === 'running' || step.status === 'waiting'
    ? { ...counters(step), status: 'cancelled' }
    : step;
