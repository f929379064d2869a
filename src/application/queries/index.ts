import { GetArtifactHandler } from './get-artifact.js';
import { GetEventsHandler } from './get-events.js';
import { GetExecutionHandler } from './get-execution.js';
import { ListExecutionsHandler } from './list-executions.js';

export const queryHandlers = [GetExecutionHandler, ListExecutionsHandler, GetEventsHandler, GetArtifactHandler];
