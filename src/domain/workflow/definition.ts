import type { RetryPolicy } from './retry-policy.js';

/** UUID of a step within its execution. */
export type StepId = string;

export type StepDefinition = Readonly<{
  name: string;
  agent: string;
  required: boolean;
  /** Start-to-close timeout of one attempt, milliseconds. */
  timeoutMs: number;
  /** How long an agent that reports by task token may stay silent, milliseconds; absent: until the deadline. */
  heartbeatTimeoutMs?: number;
  retry: RetryPolicy;
  /** What follows when the automatic retries of a required step are used up; absent: `fail`. */
  onExhausted?: 'fail' | 'pause';
  /** `current_state` while the step runs, and after it: `enriching`, `enriched`. */
  runningState: string;
  completedState: string;
  /** Share of percent_complete, relative to the other steps. */
  weight: number;
}>;

/** Every default resolved. Stored whole inside WorkflowStarted: a running execution never changes under its own feet. */
export type WorkflowDefinition = Readonly<{
  name: string;
  documentType: string;
  steps: readonly StepDefinition[];
}>;
