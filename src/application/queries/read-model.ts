/** The read tables as queries see them. Names are those of the columns and of the API; revisions and positions are strings. */
import type { Json, JsonObject } from '../../domain/json.js';
import type { Checkpoint } from '../../domain/workflow/summary.js';
import type { ArtifactRef } from '../../domain/workflow/events.js';
import type { PauseState } from '../../domain/workflow/state.js';
import type { ErrorType, RetryDecision } from '../../domain/workflow/retry-policy.js';
import type { Scope } from '../../domain/access/grants.js';
import type { Actor } from '../log/envelope.js';
import type { Damage } from '../log/event-log.js';

export type ExecutionView = Readonly<{
  id: string;
  project_id: string;
  document_type: string;
  workflow_name: string;
  definition_hash: string;
  triggered_by: string | null;
  auto_execute: boolean;
  current_state: string;
  /** `pausing` while a call is still in flight, then `paused`; both are `paused` in `current_state`. Else null. */
  pause_state: PauseState | null;
  /** Whether it is paused with nothing left in flight. */
  drained: boolean;
  current_step: string | null;
  next_step: string | null;
  percent_complete: number;
  error_type: ErrorType | null;
  error_code: string | null;
  error_message: string | null;
  checkpoint_data: Checkpoint;
  metadata: JsonObject;
  created_at: Date;
  /** When the first step started. */
  started_at: Date | null;
  updated_at: Date;
  /** When it was completed, failed or cancelled. */
  completed_at: Date | null;
  next_action_at: Date | null;
  worker: string | null;
  revision: string;
  position: string;
  /** Only where its history is damaged: it is held back, and nothing of this changes until the history is whole again. */
  damage?: DamageView;
}>;

/** How a history is damaged, in a word and in a sentence. */
type DamageView = Readonly<{ kind: Damage; message: string; found_at: Date }>;

/** Of a list. Results are most of an execution: they come where they are asked for. */
export type ListedExecution = Omit<ExecutionView, 'checkpoint_data'> & Partial<Pick<ExecutionView, 'checkpoint_data'>>;

/** The page after `cursor` (opaque). */
export type PageOfExecutions = Readonly<{ cursor: string | null; limit: number; checkpoints: boolean }>;

type StepStatus = 'pending' | 'running' | 'waiting' | 'completed' | 'skipped' | 'failed' | 'cancelled';

/** Why the latest failed attempt was, or was not, followed by another; see RetryDecision. */
export type DecisionView = Readonly<{
  rule: RetryDecision['rule'];
  error_type: ErrorType;
  attempt: number;
  of: number;
  delay_ms: number | null;
  delay_source: RetryDecision['delaySource'];
  /** Null in the history of an earlier version, where no retry followed. */
  then: RetryDecision['then'] | null;
}>;

export type StepView = Readonly<{
  id: string;
  execution_id: string;
  step_name: string;
  /** From 1. */
  step_order: number;
  agent: string;
  required: boolean;
  status: StepStatus;
  attempt: number;
  generation: number;
  /** Automatic retries of this generation so far. */
  retry_count: number;
  max_retries: number;
  started_at: Date | null;
  completed_at: Date | null;
  duration_ms: number | null;
  error_type: ErrorType | null;
  error_code: string | null;
  error_message: string | null;
  /** When the next attempt is due by itself. */
  retry_at: Date | null;
  /** Stays when the next attempt begins; null where none has failed. */
  last_decision: DecisionView | null;
  deadline_at: Date | null;
  /** When the attempt's agent took its task token, and when it has to be heard of again. */
  deferred_at: Date | null;
  heartbeat_due_at: Date | null;
  /** As the latest attempt's agent reported, 0 to 100. */
  progress_percent: number | null;
  progress_message: string | null;
  progress_at: Date | null;
  worker: string | null;
  idempotency_key: string | null;
  output: JsonObject | null;
  artifacts: readonly ArtifactRef[];
  agent_metadata: JsonObject | null;
  revision: string;
}>;

/** Beside `reason`, null is possible only in an event of an unknown type that another program wrote into the stream. */
export type EventView = Readonly<{
  id: string;
  execution_id: string;
  position: string;
  revision: string;
  event_type: string;
  data: Json;
  actor: Actor | null;
  reason: string | null;
  command_id: string | null;
  correlation_id: string | null;
  causation_id: string | null;
  /** The command's time (null: see above), and the log's own. */
  occurred_at: Date | null;
  recorded_at: Date;
  /** SHA-256 (hex) of the event, and of the one before it in its stream; see event-hash.ts. */
  hash: string | null;
  previous_hash: string | null;
  /** `current_state` and `percent_complete` as this event left them (null: see above). */
  current_state: string | null;
  percent_complete: number | null;
}>;

export type Overview = Readonly<{
  execution: ExecutionView;
  steps: readonly StepView[] | undefined;
  events: readonly EventView[] | undefined;
}>;

export type ExecutionFilter = Readonly<{
  state?: string;
  projectId?: string;
  documentType?: string;
  /** Inclusive. */
  createdAfter?: Date;
  /** Exclusive. */
  createdBefore?: Date;
  /** The projects that the caller may see; absent: all. */
  scope?: Scope;
}>;

/** Newest first; the page after `cursor` (opaque). */
export type Page<Row> = Readonly<{ rows: readonly Row[]; nextCursor: string | null }>;

export type EventsAsked = Readonly<{
  order: 'asc' | 'desc';
  /** Both exclusive. */
  afterRevision: bigint | null;
  beforeRevision: bigint | null;
  /** Null: all. */
  types: readonly string[] | null;
  limit: number;
}>;

export abstract class ReadModel {
  /** All parts as of one moment. `events`: the latest `limit` at most, oldest of them first. */
  abstract overview(
    executionId: string,
    include: Readonly<{ steps: boolean; events: Readonly<{ limit: number }> | false }>,
  ): Promise<Overview | null>;
  /** Of those executions that are in the tables, by id. */
  abstract revisions(executionIds: readonly string[]): Promise<ReadonlyMap<string, bigint>>;
  /** @throws InvalidCursor */
  abstract executions(filter: ExecutionFilter, page: PageOfExecutions): Promise<Page<ListedExecution>>;
  abstract events(executionId: string, page: EventsAsked): Promise<readonly EventView[]>;
  /** Whether any execution of the scope is in it. */
  abstract hasState(state: string, scope?: Scope): Promise<boolean>;
  /** Of these types, those that an event of the execution has. */
  abstract typesAmong(executionId: string, types: readonly string[]): Promise<readonly string[]>;
  /** The latest file of that name. */
  abstract artifact(executionId: string, name: string): Promise<ArtifactRef | null>;
}

export class InvalidCursor extends Error {}
