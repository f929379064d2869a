import { GetAuditPackHandler } from '../audit/pack/get-audit-pack.js';
import { ListAgentsHandler } from './list-agents.js';
import { GetArtifactHandler } from './get-artifact.js';
import { GetEventsHandler } from './get-events.js';
import { GetExecutionHandler } from './get-execution.js';
import { ListExecutionsHandler } from './list-executions.js';

export const queryHandlers = [
  ListAgentsHandler,
  GetExecutionHandler,
  ListExecutionsHandler,
  GetEventsHandler,
  GetArtifactHandler,
  GetAuditPackHandler,
];
