import { ListAgentsHandler } from './list-agents.js';
import { GetArtifactHandler } from './get-artifact.js';
import { GetEventsHandler } from './get-events.js';
import { GetExecutionHandler } from './get-execution.js';
import { ListAuditReviewsHandler } from './list-audit-reviews.js';
import { ListExecutionsHandler } from './list-executions.js';

export const queryHandlers = [
  ListAgentsHandler,
  GetExecutionHandler,
  ListExecutionsHandler,
  GetEventsHandler,
  GetArtifactHandler,
  ListAuditReviewsHandler,
];
