/** What an event says, in one line for people. */
import type { StepFailed, WorkflowEvent } from '../../../domain/workflow/events.js';
import { span } from '../../../domain/workflow/what-if/difference.js';

export const describeEvent = (event: WorkflowEvent): string => {
  switch (event.type) {
    case 'WorkflowStarted': {
      const { definition, projectId, documentType, autoExecute, definitionHash } = event.data;
      const how = autoExecute ? 'runs by itself' : 'step by step';
      return `${definition.name} for project ${projectId} (${documentType}), ${how}; definition ${definitionHash.slice(0, 12)}`;
    }
    case 'WorkflowPaused': {
      const { cause, exhausted, stepInFlight } = event.data;
      if (cause === 'retries_exhausted') return `retries of ${exhausted?.step ?? 'a step'} are exhausted`;
      return stepInFlight ? 'a call is still in flight' : '';
    }
    case 'WorkflowCancelled':
      return event.data.stepInFlight ? 'the running call is aborted' : '';
    case 'WorkflowFailed':
      return `${event.data.step}: ${event.data.error.message}`;
    case 'NextStepRequested':
      return event.data.step;
    case 'StepStarted': {
      const { step, attempt, agent, deadline, because, worker } = event.data;
      const why = because ? `, after failure ${because.attempt} of ${because.of}` : '';
      return `${step}, attempt ${attempt}: ${agent} is called by ${worker}, until ${deadline}${why}`;
    }
    case 'StepDeferred': {
      const { step, attempt, heartbeatDueAt } = event.data;
      return `${step}, attempt ${attempt}: the agent reports later${heartbeatDueAt ? `, heartbeat due ${heartbeatDueAt}` : ''}`;
    }
    case 'StepProgressed': {
      const { step, percent, message } = event.data;
      return `${step}: ${percent === null ? '' : `${percent} %`} ${message ?? ''}`.trimEnd();
    }
    case 'StepCompleted': {
      const { step, attempt, durationMs, artifacts } = event.data;
      const files = artifacts.length > 0 ? `; ${artifacts.map(({ name }) => name).join(', ')}` : '';
      return `${step}, attempt ${attempt}: after ${span(durationMs)}${files}`;
    }
    case 'StepFailed':
      return failed(event.data);
    case 'StepSkipped':
      return `${event.data.step}: ${event.data.error.message}`;
    case 'StepInterrupted': {
      const { step, attempt, worker, cause } = event.data;
      return `${step}, attempt ${attempt}: ${cause === 'shutdown' ? 'shutdown' : 'loss'} of ${worker}`;
    }
    case 'StepRetryRequested': {
      const { step, abandonedAttempt, earlier } = event.data;
      const abandoned = abandonedAttempt === null ? '' : `; attempt ${abandonedAttempt} is abandoned`;
      return `${step}${abandoned}${earlier ? `; it stood at: ${earlier.error.message}` : ''}`;
    }
    case 'WorkflowResumed':
    case 'WorkflowCompleted':
    case 'RemainingStepsRequested':
      return '';
  }
};

const RULES = {
  retry: 'is tried again',
  error_not_retryable: 'is not retried: such an error never is',
  step_not_retryable: 'is not retried: the step never is',
  attempts_exhausted: 'is not retried: no attempt is left',
} as const;

const failed = ({ step, attempt, error, decision }: StepFailed): string => {
  const delay = decision.delayMs === null ? '' : ` after ${span(decision.delayMs)} (${decision.delaySource})`;
  const rule = `attempt ${decision.attempt} of ${decision.of} ${RULES[decision.rule]}${delay}`;
  return `${step}, attempt ${attempt}: ${rule}; ${error.type} ${error.code}: ${error.message}`;
};
