import type { JsonObject } from '../json.js';
import type { StepDefinition, StepId, WorkflowDefinition, ArtifactRef } from './events.js';
import type { RetryDecision, StepError } from './retry-policy.js';

/**
 * `pausing`: a call is still in flight, and its result will be recorded. `paused`: no call is in flight. `current_state` is
 * `paused` in both phases.
 */
export type PauseState = 'pausing' | 'paused';

/** Null where the execution is not paused. */
export const pauseStateOf = (state: ExistingWorkflow): PauseState | null => {
  if (state.status !== 'paused') return null;
  return currentStep(state)?.step.status === 'running' ? 'pausing' : 'paused';
};

type StepCounters = Readonly<{
  id: StepId;
  /** Absolute number of the last attempt started; 0 before the first. */
  attempt: number;
  /** Grows with each operator's retry; the idempotency key names it. */
  generation: number;
  /** Attempts of this generation that count against the retry budget (interrupted ones do not). */
  tries: number;
  /** The highest percent that an agent reported in this generation: an attempt that begins anew takes nothing back. */
  reached: number;
}>;

/** The agent's last heartbeat of the attempt that runs. */
type Progress = Readonly<{ percent: number | null; message: string | null; at: string }>;

export type StepState = StepCounters &
  (
    | Readonly<{ status: 'pending' }>
    | Readonly<{
        status: 'running';
        worker: string;
        startedAt: string;
        deadline: string;
        idempotencyKey: string;
        /** Null while the agent's connection is open: then the attempt lives as long as its worker. */
        deferred: Readonly<{ heartbeatDueAt: string | null }> | null;
        progress: Progress | null;
      }>
    | Readonly<{ status: 'waiting'; retryAt: string; error: StepError; decision: RetryDecision }>
    | Readonly<{
        status: 'completed';
        output: JsonObject;
        artifacts: readonly ArtifactRef[];
      }>
    | Readonly<{ status: 'skipped'; error: StepError }>
    | Readonly<{ status: 'failed'; error: StepError; decision: RetryDecision }>
    | Readonly<{ status: 'cancelled' }>
  );

/** What may start by itself: everything, nothing, or this one step. */
type Release = 'all' | 'none' | Readonly<{ only: StepId }>;

export type ExistingWorkflow = Readonly<{
  status: 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';
  executionId: string;
  projectId: string;
  documentType: string;
  metadata: JsonObject;
  definition: WorkflowDefinition;
  requestHash: string;
  release: Release;
  /** In the order of `definition.steps`. */
  steps: readonly StepState[];
}>;

export type WorkflowState = Readonly<{ status: 'none' }> | ExistingWorkflow;

export const initialState: WorkflowState = { status: 'none' };

/** A step together with its definition. */
export type CurrentStep = Readonly<{
  index: number;
  step: StepState;
  definition: StepDefinition;
}>;

export type RunningStep = CurrentStep & Readonly<{ step: Extract<StepState, { status: 'running' }> }>;

export const stepAt = (state: ExistingWorkflow, index: number): CurrentStep | undefined => {
  const step = state.steps[index];
  const definition = state.definition.steps[index];
  return step && definition ? { index, step, definition } : undefined;
};

export const isDone = (step: StepState): boolean => step.status === 'completed' || step.status === 'skipped';

/** The first step that is neither completed nor skipped: steps run in order, so it is the only one that may move. */
export const currentStep = (state: ExistingWorkflow): CurrentStep | undefined =>
  stepAt(
    state,
    state.steps.findIndex((step) => !isDone(step)),
  );

/** The agent of the step that is next or runs; empty where there is none. */
export const currentAgent = (state: ExistingWorkflow): string => currentStep(state)?.definition.agent ?? '';

export const isReleased = ({ release }: ExistingWorkflow, stepId: StepId): boolean =>
  release === 'all' || (release !== 'none' && release.only === stepId);

const ENDS: ReadonlySet<string | null> = new Set<ExistingWorkflow['status']>(['completed', 'failed', 'cancelled']);

/** An execution that has ended does not move; an operator may retry a failed one. @param status or `current_state`, which has the same words */
export const hasEnded = (status: string | null): boolean => ENDS.has(status);
