import type { Projection } from './projection.js';
import { workflowEvents } from './workflow-events.projection.js';
import { workflowExecutions } from './workflow-executions.projection.js';
import { workflowSteps } from './workflow-steps.projection.js';

/** All read tables. A new one: its file, its line here, a migration. */
export const projections: readonly Projection[] = [workflowExecutions, workflowSteps, workflowEvents];
