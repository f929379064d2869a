/** The other way round: which command led to these events. What is not told by them is not guessed. */
import type { OperatorCommand, StepCommand } from '../commands.js';
import type { WorkflowEvent } from '../events.js';
import { heartbeatMissed } from '../heartbeat.js';
import { timedOut } from '../next-effects.js';
import { stepAt, type CurrentStep, type ExistingWorkflow } from '../state.js';

type Command = Exclude<OperatorCommand, { type: 'StartWorkflow' }> | StepCommand;

/**
 * @param events what one command left behind, none of them WorkflowStarted
 * @param before the execution as the command found it
 * @returns null where no command of today leads to them
 */
export const commandOf = (events: readonly WorkflowEvent[], before: ExistingWorkflow): Command | null => {
  const first = events[0];
  switch (first?.type) {
    case 'WorkflowPaused':
      return { type: 'PauseWorkflow', data: {} };
    case 'WorkflowCancelled':
      return { type: 'CancelWorkflow', data: {} };
    case 'WorkflowResumed':
    case 'StepRetryRequested':
    case 'NextStepRequested':
    case 'RemainingStepsRequested':
      return operatorsOrder(events);
    case 'StepStarted': {
      const { stepId, attempt, worker } = first.data;
      return { type: 'StartStep', data: { stepId, attempt, worker } };
    }
    case 'StepDeferred':
      return { type: 'DeferStep', data: attemptOf(first.data) };
    case 'StepProgressed': {
      const { percent, message } = first.data;
      return { type: 'ProgressStep', data: { ...attemptOf(first.data), percent, message } };
    }
    case 'StepCompleted': {
      const { output, artifacts, agentMetadata } = first.data;
      return { type: 'CompleteStep', data: { ...attemptOf(first.data), output, artifacts, agentMetadata } };
    }
    case 'StepInterrupted':
      return { type: 'InterruptStep', data: { ...attemptOf(first.data), cause: first.data.cause } };
    case 'StepFailed': {
      const { error, decision } = first.data;
      if (endOf(first, before) === 'silence') return { type: 'ExpireHeartbeat', data: attemptOf(first.data) };
      // A Retry-After that was shorter than the back-off, or that came when nothing followed, was not written down.
      const retryAfterMs = decision.delaySource === 'retry_after' ? decision.delayMs : null;
      return { type: 'FailStep', data: { ...attemptOf(first.data), error, retryAfterMs } };
    }
    case 'WorkflowStarted':
    case 'WorkflowCompleted':
    case 'WorkflowFailed':
    case 'StepSkipped':
    case undefined:
      return null;
  }
};

/** How an attempt that failed came to its end: by its agent's answer, its deadline or a heartbeat that did not come. */
export const endOf = (
  { data }: Extract<WorkflowEvent, { type: 'StepFailed' }>,
  before: ExistingWorkflow,
): 'answer' | 'deadline' | 'silence' => {
  const definition = stepOf(before, data.stepId)?.definition;
  if (!definition) return 'answer';
  const { code, message } = data.error;
  const deadline = timedOut(data.stepId, data.attempt, definition.timeoutMs);
  if (deadline.type === 'FailStep' && code === deadline.data.error.code && message === deadline.data.error.message)
    return 'deadline';
  const silence = heartbeatMissed(definition);
  return code === silence.code && message === silence.message ? 'silence' : 'answer';
};

export const stepOf = (state: ExistingWorkflow, stepId: string): CurrentStep | undefined =>
  stepAt(
    state,
    state.steps.findIndex(({ id }) => id === stepId),
  );

const operatorsOrder = (events: readonly WorkflowEvent[]): Command => {
  const last = events.at(-1);
  if (last?.type === 'NextStepRequested') return { type: 'ExecuteNextStep', data: {} };
  if (last?.type === 'RemainingStepsRequested') return { type: 'ExecuteRemaining', data: {} };
  if (last?.type !== 'StepRetryRequested') return { type: 'ResumeWorkflow', data: {} };
  switch (last.data.order) {
    case 'resume':
      return { type: 'ResumeWorkflow', data: {} };
    case 'remaining':
      return { type: 'ExecuteRemaining', data: {} };
    case 'retry':
    case 'next_step':
    case undefined:
      return { type: 'RetryStep', data: { stepId: last.data.stepId } };
  }
};

const attemptOf = ({ stepId, attempt }: Readonly<{ stepId: string; attempt: number }>) => ({ stepId, attempt });
