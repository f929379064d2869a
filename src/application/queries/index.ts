import { CompareExecutionsHandler } from '../history/compare-executions.js';
import { GetDiffHandler } from '../history/get-diff.js';
import { GetAuditPackHandler } from '../audit/pack/audit-pack.js';
import { ListAgentsHandler } from './list-agents.js';
import { GetArtifactHandler } from './get-artifact.js';
import { GetEventsHandler } from '../history/get-events.js';
import { GetExecutionHandler } from './get-execution.js';
import { GetPastExecutionHandler } from '../history/get-past-execution.js';
import { ListAuditReviewsHandler } from './list-audit-reviews.js';
import { CheckStateHandler } from './known-words.js';
import { ListExecutionsHandler } from './list-executions.js';

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
  GetAuditPackHandler,
];
