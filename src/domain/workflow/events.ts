/**
 * The storage contract. These names and shapes are in EventStoreDB for ever: add fields as optional, never rename or
 * re-mean one; a re-meant event gets a new name. Times are ISO-8601 UTC. Attempts and generations are absolute numbers.
 */
import type { Message } from '../decider.js';
import type { SeparationOfDuties } from '../access/duties.js';
import type { JsonObject } from '../json.js';
import type { RetryDecision, StepError, RetryPolicy } from './retry-policy.js';

/** A file that a step made. The bytes are in the artifact store under their SHA-256 (hex). */
export type ArtifactRef = Readonly<{
  name: string;
  sha256: string;
  bytes: number;
  contentType: string;
}>;

/** Beside its id each step event carries the step's name, so that a reader needs no other event. */
type Step = Readonly<{ stepId: StepId; step: string }>;
type Attempt = Step & Readonly<{ attempt: number }>;

export type WorkflowStarted = Readonly<{
  executionId: string;
  projectId: string;
  documentType: string;
  triggeredBy: string | null;
  autoExecute: boolean;
  metadata: JsonObject;
  definition: WorkflowDefinition;
  /** SHA-256 (hex) of the definition's canonical JSON. */
  definitionHash: string;
  /** In the order of `definition.steps`. */
  stepIds: readonly StepId[];
  /** SHA-256 (hex) of the start request, to tell a repeat of an idempotent start from another request. */
  requestHash: string;
}>;

export type StepStarted = Attempt &
  Readonly<{
    generation: number;
    agent: string;
    /** The instance that runs the attempt. */
    worker: string;
    startedAt: string;
    deadline: string;
    idempotencyKey: string;
    /**
     * SHA-256 (hex) of the canonical JSON of what the agent is sent, where large values of earlier outputs stand as their
     * artifact references. Absent in events of earlier versions.
     */
    inputHash?: string;
    /** The decision that this automatic retry follows; absent where no failure of the generation led to it. */
    because?: RetryDecision;
  }>;

/** The agent goes on without a connection: from here on the attempt lives by its reports, not by the life of a worker. */
type StepDeferred = Attempt &
  Readonly<{
    heartbeatTimeoutMs: number | null;
    /** Without a heartbeat until then the attempt has failed; null where only the deadline counts. */
    heartbeatDueAt: string | null;
  }>;

/** A heartbeat of the attempt's agent. Not every heartbeat is recorded, see heartbeat.ts. */
type StepProgressed = Attempt &
  Readonly<{
    /** 0 to 100; null while the agent has named none. */
    percent: number | null;
    message: string | null;
    at: string;
    /** As in StepDeferred; null also while the agent's connection is open. */
    heartbeatDueAt: string | null;
  }>;

type StepCompleted = Attempt &
  Readonly<{
    generation: number;
    /** The agent's `data`; top-level values that were too large are artifact references. */
    output: JsonObject;
    /** SHA-256 (hex) of the canonical JSON of the agent's whole `data`, with its large values. Absent in earlier versions. */
    outputHash?: string;
    artifacts: readonly ArtifactRef[];
    /** The agent's `metadata`: model used, tokens and the like. */
    agentMetadata: JsonObject;
    durationMs: number;
  }>;

export type StepFailed = Attempt &
  Readonly<{
    generation: number;
    error: StepError;
    /** When the next attempt is due; null where none follows by itself. */
    retryAt: string | null;
    decision: RetryDecision;
    durationMs: number;
  }>;

type WorkflowPaused = Readonly<{
  stepInFlight: StepId | null;
  /** Absent: an operator asked for it. */
  cause?: 'retries_exhausted';
  /** The step that has used up its retries, with the last error; comes with that cause. */
  exhausted?: Step & Readonly<{ error: StepError }>;
}>;

/** The operator's command that made a step begin anew. */
export type RetryOrder = 'retry' | 'resume' | 'next_step' | 'remaining';

type StepRetryRequested = Step &
  Readonly<{
    generation: number;
    abandonedAttempt: number | null;
    order?: RetryOrder;
    /** The error and the decision that the step stood at; null where no attempt had failed before. */
    earlier?: Readonly<{ error: StepError; decision: RetryDecision }> | null;
  }>;

export type InterruptCause = 'shutdown' | 'worker_lost';

export type WorkflowEvent =
  | Message<'WorkflowStarted', WorkflowStarted>
  | Message<'WorkflowPaused', WorkflowPaused>
  | Message<'WorkflowResumed', Record<string, never>>
  | Message<'WorkflowCancelled', { stepInFlight: StepId | null }>
  | Message<'WorkflowCompleted', Record<string, never>>
  | Message<'WorkflowFailed', Step & { error: StepError }>
  | Message<'NextStepRequested', Step>
  | Message<'RemainingStepsRequested', Record<string, never>>
  | Message<'StepStarted', StepStarted>
  | Message<'StepDeferred', StepDeferred>
  | Message<'StepProgressed', StepProgressed>
  | Message<'StepCompleted', StepCompleted>
  | Message<'StepFailed', StepFailed>
  | Message<'StepSkipped', Attempt & { error: StepError }>
  | Message<'StepInterrupted', Attempt & { worker: string; cause: InterruptCause }>
  | Message<'StepRetryRequested', StepRetryRequested>;

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
  /** Absent: who started, retried or executed it neither reviews nor signs it. */
  separationOfDuties?: SeparationOfDuties;
}>;

const ENDS: ReadonlySet<string> = new Set<WorkflowEvent['type']>([
  'WorkflowCompleted',
  'WorkflowFailed',
  'WorkflowCancelled',
]);

/** Whether an execution rests after it; an operator may retry one that has failed. */
export const endsExecution = (type: string): boolean => ENDS.has(type);
