import { unreachable, CommandRejected } from '../decider.js';
import type { WorkflowCommand } from './commands.js';
import { decideOperator } from './decide-operator.js';
import { decideStep } from './decide-step.js';
import type { WorkflowEvent } from './events.js';
import type { WorkflowState } from './state.js';

/**
 * Three answers are possible:
 *   events    the command is accepted;
 *   []        it is already so (a repeat, or a report about an attempt that is over);
 *   a throw   an operator asked for something this history does not allow.
 */
export const decide = (command: WorkflowCommand, state: WorkflowState): readonly WorkflowEvent[] => {
  if (command.type === 'StartWorkflow') {
    return state.status === 'none' ? [{ type: 'WorkflowStarted', data: command.data }] : [];
  }
  if (state.status === 'none') throw new CommandRejected('NotFound', 'There is no such execution');

  switch (command.type) {
    case 'PauseWorkflow':
    case 'ResumeWorkflow':
    case 'CancelWorkflow':
    case 'RetryStep':
    case 'ExecuteNextStep':
    case 'ExecuteRemaining':
      return decideOperator(command, state);
    case 'StartStep':
    case 'CompleteStep':
    case 'FailStep':
    case 'DeferStep':
    case 'ProgressStep':
    case 'ExpireHeartbeat':
    case 'InterruptStep':
      return decideStep(command, state);
    default:
      return unreachable(command);
  }
};
