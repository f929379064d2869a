import type { Message } from '../decider.js';
import type { JsonObject } from '../json.js';
import type { StepId, ArtifactRef, InterruptCause, WorkflowStarted } from './events.js';
import type { StepError } from './retry-policy.js';

type Nothing = Record<string, never>;

/** An operator's commands. Each has a handler in application/commands and a route. */
export type OperatorCommand =
  | Message<'StartWorkflow', WorkflowStarted>
  | Message<'PauseWorkflow', Nothing>
  | Message<'ResumeWorkflow', Nothing>
  | Message<'CancelWorkflow', Nothing>
  | Message<'RetryStep', { stepId: StepId }>
  | Message<'ExecuteNextStep', Nothing>
  | Message<'ExecuteRemaining', Nothing>;

/**
 * Reports on a step: by the saga that runs it, or by its agent under the attempt's task token, which allows progress,
 * completion and failure only.
 */
export type StepCommand =
  | Message<'StartStep', { stepId: StepId; attempt: number; worker: string; inputHash?: string }>
  | Message<
      'CompleteStep',
      {
        stepId: StepId;
        attempt: number;
        output: JsonObject;
        outputHash?: string;
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
  /** The agent has taken the task token, and its connection has ended. */
  | Message<'DeferStep', { stepId: StepId; attempt: number }>
  /** A heartbeat. A member that is null changes nothing. */
  | Message<'ProgressStep', { stepId: StepId; attempt: number; percent: number | null; message: string | null }>
  /** The heartbeat is due, and none has come: changes nothing where one has come in the meantime. */
  | Message<'ExpireHeartbeat', { stepId: StepId; attempt: number }>
  | Message<'InterruptStep', { stepId: StepId; attempt: number; cause: InterruptCause }>;

/** `at` is stamped once, at the edge; nothing below it reads a clock. */
export type WorkflowCommand = (OperatorCommand | StepCommand) & Readonly<{ at: Date }>;
