import type { StepId, WorkflowEvent, WorkflowStarted } from './events.js';
import type { ExistingWorkflow, StepState, WorkflowState } from './state.js';

/** Cannot fail and cannot refuse: an event has already happened. */
export const evolve = (state: WorkflowState, event: WorkflowEvent): WorkflowState => {
  if (event.type === 'WorkflowStarted') return started(event.data);
  if (state.status === 'none') return state;
  // The table pairs each type with its own data, which the compiler cannot follow through a lookup.
  const change: (state: ExistingWorkflow, data: never) => ExistingWorkflow = changes[event.type];
  return change(state, event.data as never);
};

type Changes = {
  readonly [Event in Exclude<WorkflowEvent, { type: 'WorkflowStarted' }> as Event['type']]: (
    state: ExistingWorkflow,
    data: Event['data'],
  ) => ExistingWorkflow;
};

const ofExecution = {
  WorkflowPaused: (state) => ({ ...state, status: 'paused' }),
  WorkflowResumed: (state) => ({ ...state, status: 'running' }),
  WorkflowCompleted: (state) => ({ ...state, status: 'completed' }),
  WorkflowFailed: (state) => ({ ...state, status: 'failed' }),
  WorkflowCancelled: (state) => ({ ...state, status: 'cancelled', steps: state.steps.map(cancelled) }),
  NextStepRequested: (state, { stepId }) => ({ ...state, release: { only: stepId } }),
  RemainingStepsRequested: (state) => ({ ...state, release: 'all' }),
} satisfies Partial<Changes>;

/** An attempt that runs, or begins to. */
const ofAttempt = {
  StepStarted: (state, { stepId, attempt, worker, startedAt, deadline, idempotencyKey }) =>
    withStep(state, stepId, ({ id, generation, tries, reached }) => ({
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
    })),
  StepDeferred: (state, { stepId, heartbeatDueAt }) =>
    withStep(state, stepId, (step) => (step.status === 'running' ? { ...step, deferred: { heartbeatDueAt } } : step)),
  StepProgressed: (state, { stepId, percent, message, at, heartbeatDueAt }) =>
    withStep(state, stepId, (step) =>
      step.status === 'running'
        ? {
            ...step,
            reached: Math.max(step.reached, percent ?? 0),
            deferred: step.deferred && { heartbeatDueAt },
            progress: { percent, message, at },
          }
        : step,
    ),
} satisfies Partial<Changes>;

/** An attempt that ends, and what becomes of its step. */
const ofStep = {
  StepCompleted: (state, { stepId, output, artifacts }) =>
    spent(
      withStep(state, stepId, (step) => ({ status: 'completed', output, artifacts, ...counters(step) })),
      stepId,
    ),
  StepFailed: (state, { stepId, error, retryAt, decision }) =>
    withStep(state, stepId, (step) =>
      retryAt === null
        ? { status: 'failed', error, decision, ...counters(step) }
        : { status: 'waiting', retryAt, error, decision, ...counters(step) },
    ),
  StepSkipped: (state, { stepId, error }) =>
    spent(
      withStep(state, stepId, (step) => ({ status: 'skipped', error, ...counters(step) })),
      stepId,
    ),
  StepInterrupted: (state, { stepId }) =>
    withStep(state, stepId, (step) => ({
      ...counters(step),
      tries: Math.max(0, step.tries - 1),
      status: 'pending',
    })),
  StepRetryRequested: (state, { stepId, generation }) => ({
    ...withStep(state, stepId, (step) => ({ ...counters(step), generation, tries: 0, reached: 0, status: 'pending' })),
    release: state.release === 'all' ? 'all' : { only: stepId },
    status: state.status === 'failed' ? 'running' : state.status,
  }),
} satisfies Partial<Changes>;

/** One function for each event type: a forgotten one is a compile error here. */
const changes: Changes = { ...ofExecution, ...ofAttempt, ...ofStep };

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
