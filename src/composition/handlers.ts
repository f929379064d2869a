import { CompareExecutionsHandler } from '../application/history/compare-executions.js';
import { GetDiffHandler } from '../application/history/get-diff.js';
import { GetAuditPackHandler } from '../application/audit/pack/audit-pack.js';
import { ListAgentsHandler } from '../application/queries/list-agents.js';
import { GetArtifactHandler, GetExecutionHandler } from '../application/queries/get-execution.js';
import { GetEventsHandler } from '../application/history/get-events.js';
import { GetPastExecutionHandler } from '../application/history/get-past-execution.js';
import { ListAuditReviewsHandler } from '../application/audit/reviews.js';
import { CheckStateHandler, ListExecutionsHandler } from '../application/queries/list-executions.js';
import {
  ListSignaturesHandler,
  SignExecutionHandler,
  WithdrawSignatureHandler,
} from '../application/audit/signatures.js';
import { GetSignedCopyHandler } from '../application/audit/signed-copy.js';
import {
  ControlWorkflowHandler,
  HoldAgentHandler,
  ReviewAuditHandler,
} from '../application/commands/control-workflow.js';
import { ReportTaskHandler } from '../application/commands/report-task.js';
import { StartWorkflowHandler } from '../application/commands/start-workflow.js';
import { OrderRebuildHandler } from '../application/commands/order-rebuild.js';
import { TreatPoisonHandler } from '../application/commands/treat-poison.js';
import { GetRebuildHandler, ListProjectionsHandler } from '../application/projections/admin/projection-queries.js';

export const queryHandlers = [
  ListAgentsHandler,
  GetExecutionHandler,
  GetPastExecutionHandler,
  GetDiffHandler,
  CompareExecutionsHandler,
  ListExecutionsHandler,
  CheckStateHandler,
  GetEventsHandler,
  GetArtifactHandler,
  ListAuditReviewsHandler,
  ListSignaturesHandler,
  GetSignedCopyHandler,
  GetAuditPackHandler,
];

export const commandHandlers = [
  StartWorkflowHandler,
  ControlWorkflowHandler,
  ReportTaskHandler,
  HoldAgentHandler,
  ReviewAuditHandler,
  SignExecutionHandler,
  WithdrawSignatureHandler,
];

/** What operators of the read tables may order and ask. */
export const projectionHandlers = [OrderRebuildHandler, TreatPoisonHandler, ListProjectionsHandler, GetRebuildHandler];
