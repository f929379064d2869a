import { ControlWorkflowHandler } from './control-workflow.js';
import { HoldAgentHandler } from './hold-agent.js';
import { StartWorkflowHandler } from './start-workflow.js';

export const commandHandlers = [StartWorkflowHandler, ControlWorkflowHandler, HoldAgentHandler];
