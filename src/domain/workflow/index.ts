import type { Decider } from '../decider.js';
import type { WorkflowCommand } from './commands.js';
import { decide } from './decide.js';
import type { WorkflowEvent } from './events.js';
import { evolve } from './evolve.js';
import { initialState, type WorkflowState } from './state.js';

export const workflow: Decider<WorkflowCommand, WorkflowState, WorkflowEvent> = { initialState, decide, evolve };

export const STREAM_PREFIX = 'workflow-';
export const workflowStream = (executionId: string): string => STREAM_PREFIX + executionId;
export const executionIdOf = (stream: string): string => stream.slice(STREAM_PREFIX.length);
