import { ControlWorkflowHandler } from './control-workflow.js';
import { HoldAgentHandler } from './hold-agent.js';
import { ReportTaskHandler } from './report-task.js';
import { ReviewAuditHandler } from './review-audit.js';
import { StartWorkflowHandler } from './start-workflow.js';

export const commandHandlers = [
  StartWorkflowHandler,
  ControlWorkflowHandler,
  ReportTaskHandler,
  HoldAgentHandler,
  ReviewAuditHandler,
];
