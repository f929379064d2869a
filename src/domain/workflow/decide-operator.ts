/** The operator's commands. Unlike a late report, a command that cannot be followed is an error, which names what is allowed. */
import { unreachable, CommandRejected } from '../decider.js';
import { allowedActions, currentStateOf } from './summary.js';
import type { OperatorCommand } from './commands.js';
import type { RetryOrder, WorkflowEvent } from './events.js';
import { currentStep, isReleased, stepAt, type CurrentStep, type ExistingWorkflow } from './state.js';

type ControlCommand = Exclude<OperatorCommand, { type: 'StartWorkflow' }>;

export const decideOperator = (command: ControlCommand, state: ExistingWorkflow): readonly WorkflowEvent[] => {
  switch (command.type) {
    case 'PauseWorkflow':
      if (state.status === 'paused') return [];
      if (state.status !== 'running') throw conflict('pause', state);
      return [{ type: 'WorkflowPaused', data: { stepInFlight: stepInFlight(state) } }];

    case 'ResumeWorkflow':
      if (state.status === 'running') return [];
      if (state.status !== 'paused') throw conflict('resume', state);
      return leavePause(state, 'resume');

    case 'CancelWorkflow':
      if (state.status === 'cancelled') return [];
      if (state.status === 'completed') throw conflict('cancel', state);
      return [
        {
          type: 'WorkflowCancelled',
          data: { stepInFlight: stepInFlight(state) },
        },
      ];

    case 'RetryStep':
      return retry(command.data.stepId, state);

    case 'ExecuteNextStep':
      return executeNext(state);

    case 'ExecuteRemaining':
      return executeRemaining(state);

    default:
      return unreachable(command);
  }
};

const retry = (stepId: string, state: ExistingWorkflow): readonly WorkflowEvent[] => {
  const found = stepAt(
    state,
    state.steps.findIndex(({ id }) => id === stepId),
  );
  if (!found) throw new CommandRejected('NotFound', `This execution has no step ${stepId}`);
  const { step, definition } = found;
  if (state.status === 'completed' || state.status === 'cancelled') throw conflict('retry', state);
  if (step.status === 'pending' && step.attempt > 0) return leavePause(state, 'retry');
  if (step.status !== 'failed' && step.status !== 'running' && step.status !== 'waiting') {
    throw conflict('retry', state, `step ${definition.name} is ${step.status}`);
  }
  return [...(state.status === 'paused' ? [resumed] : []), retryRequested(found, 'retry')];
};

const retryRequested = ({ step, definition }: CurrentStep, order: RetryOrder): WorkflowEvent => {
  const failed = step.status === 'failed' || step.status === 'waiting';
  return {
    type: 'StepRetryRequested',
    data: {
      stepId: step.id,
      step: definition.name,
      generation: step.generation + 1,
      abandonedAttempt: step.status === 'running' ? step.attempt : null,
      order,
      earlier: failed ? { error: step.error, decision: step.decision } : null,
    },
  };
};

const executeNext = (state: ExistingWorkflow): readonly WorkflowEvent[] => {
  const current = currentStep(state);
  if ((state.status !== 'running' && state.status !== 'paused') || !current) throw conflict('next_step', state);
  if (state.status === 'running' && state.release === 'all') {
    throw conflict('next_step', state, 'it executes all remaining steps by itself; pause it first to go step by step');
  }
  if (inFlight(current) || (state.status === 'running' && isReleased(state, current.step.id))) {
    throw conflict('next_step', state, `step ${current.definition.name} is still under way`);
  }
  const data = { stepId: current.step.id, step: current.definition.name };
  return [...leavePause(state, 'next_step'), { type: 'NextStepRequested', data }];
};

const executeRemaining = (state: ExistingWorkflow): readonly WorkflowEvent[] => {
  if (state.status !== 'running' && state.status !== 'paused') throw conflict('remaining', state);
  const release: WorkflowEvent = { type: 'RemainingStepsRequested', data: {} };
  return [...leavePause(state, 'remaining'), ...(state.release === 'all' ? [] : [release])];
};

const resumed: WorkflowEvent = { type: 'WorkflowResumed', data: {} };

/**
 * A pause is left by an event of its own, so that no step ever starts between paused and resumed. Where a step has used up
 * its retries, going on is trying it again: with a new budget, as a new generation.
 */
const leavePause = (state: ExistingWorkflow, order: RetryOrder): readonly WorkflowEvent[] => {
  if (state.status !== 'paused') return [];
  const current = currentStep(state);
  return current?.step.status === 'failed' ? [resumed, retryRequested(current, order)] : [resumed];
};

const inFlight = ({ step }: CurrentStep) => step.status === 'running' || step.status === 'waiting';

const stepInFlight = (state: ExistingWorkflow) => {
  const current = currentStep(state);
  return current?.step.status === 'running' ? current.step.id : null;
};

const conflict = (action: string, state: ExistingWorkflow, why?: string) => {
  const current = currentStateOf(state);
  const allowed = allowedActions(state);
  const next = allowed.length > 0 ? `Allowed now: ${allowed.join(', ')}` : 'This state is final';
  return new CommandRejected(
    'Conflict',
    `Cannot ${action} an execution that is ${current}${why ? `: ${why}` : ''}. ${next}.`,
    {
      current_state: current,
      allowed_actions: allowed,
    },
  );
};
