import { ControlWorkflowHandler } from './control-workflow.js';
import { StartWorkflowHandler } from './start-workflow.js';

export const commandHandlers = [StartWorkflowHandler, ControlWorkflowHandler];
