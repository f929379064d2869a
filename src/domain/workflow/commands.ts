import type { Message } from '../decider.js';
import type { JsonObject } from '../json.js';
import type { StepId } from './definition.js';
import type { ArtifactRef, InterruptCause, WorkflowStarted } from './events.js';
import type { StepError } from './retry-policy.js';

type Nothing = Record<string, never>;

/** What an operator may ask for. Each has a handler in application/commands and a route. */
export type OperatorCommand =
  | Message<'StartWorkflow', WorkflowStarted>
  | Message<'PauseWorkflow', Nothing>
  | Message<'ResumeWorkflow', Nothing>
  | Message<'CancelWorkflow', Nothing>
  | Message<'RetryStep', { stepId: StepId }>
  | Message<'ExecuteNextStep', Nothing>
  | Message<'ExecuteRemaining', Nothing>;

/** What the saga reports while it runs a step. Never reachable over HTTP. */
export type StepCommand =
  | Message<'StartStep', { stepId: StepId; attempt: number; worker: string }>
  | Message<
      'CompleteStep',
      {
        stepId: StepId;
        attempt: number;
        output: JsonObject;
        artifacts: readonly ArtifactRef[];
        agentMetadata: JsonObject;
      }
    >
  | Message<
      'FailStep',
      {
        stepId: StepId;
        attempt: number;
        error: StepError;
        retryAfterMs: number | null;
      }
    >
  | Message<'InterruptStep', { stepId: StepId; attempt: number; cause: InterruptCause }>;

/** `at` is stamped once, at the edge; nothing below it reads a clock. */
export type WorkflowCommand = (OperatorCommand | StepCommand) & Readonly<{ at: Date }>;
