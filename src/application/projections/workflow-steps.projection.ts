import { unreachable } from '../../domain/decider.js';
import type { StepFailed, StepStarted, WorkflowEvent, WorkflowStarted } from '../../domain/workflow/events.js';
import type { StepView } from '../queries/read-model.js';
import { decisionColumn, errorColumns, noError } from './columns.js';
import { instant, instantOrNull, type Change, type Projection, type Update } from './projection.js';

type Row = StepView;

/** One row for a step of an execution: its latest attempt. The attempts before it are in the events. */
export const workflowSteps: Projection<Row> = {
  table: 'workflow_steps',
  version: 1,

  project: ({ executionId, recorded, event, at }) =>
    event ? stepChanges(executionId, event, String(recorded.revision), at) : [],
};

/** What an event changes in the steps. @param at the time of its command */
export const stepChanges = (
  executionId: string,
  event: WorkflowEvent,
  revision: string,
  at: Date,
): readonly Change<Row>[] => {
  if (event.type === 'WorkflowStarted') return born(executionId, event.data, revision);
  if (event.type === 'WorkflowCancelled') {
    const where = { column: 'status', among: ['pending', 'running', 'waiting'] } as const;
    const set = { ...idle, status: 'cancelled', completed_at: at, revision } as const;
    return [{ op: 'update', key: { execution_id: executionId }, where, set }];
  }
  const set = changedBy(event, at);
  if (!set) return [];
  const { id, ...columns } = set;
  return [{ op: 'update', key: { id }, set: Object.assign({}, columns, { revision }) } satisfies Update<Row>];
};

type StepChange = Partial<Row> & Readonly<{ id: string }>;

const changedBy = (
  event: Exclude<WorkflowEvent, { type: 'WorkflowStarted' | 'WorkflowCancelled' }>,
  at: Date,
): StepChange | null => {
  switch (event.type) {
    case 'WorkflowPaused':
    case 'WorkflowResumed':
    case 'WorkflowCompleted':
    case 'WorkflowFailed':
    case 'NextStepRequested':
    case 'RemainingStepsRequested':
      return null;
    case 'StepStarted':
      return started(event.data);
    case 'StepDeferred': {
      const { stepId, heartbeatDueAt } = event.data;
      return { id: stepId, worker: null, deferred_at: at, heartbeat_due_at: instantOrNull(heartbeatDueAt) };
    }
    case 'StepProgressed': {
      const { stepId, percent, message, heartbeatDueAt } = event.data;
      const due = { heartbeat_due_at: instantOrNull(heartbeatDueAt) };
      return { id: stepId, progress_percent: percent, progress_message: message, progress_at: at, ...due };
    }
    case 'StepCompleted': {
      const { stepId, output, artifacts, agentMetadata, durationMs } = event.data;
      const result = { output, artifacts, agent_metadata: agentMetadata };
      return { id: stepId, ...idle, ...result, status: 'completed', completed_at: at, duration_ms: durationMs };
    }
    case 'StepFailed':
      return failed(event.data, at);
    case 'StepSkipped':
      return { id: event.data.stepId, status: 'skipped', ...errorColumns(event.data.error) };
    case 'StepInterrupted':
      return { id: event.data.stepId, ...unstarted };
    case 'StepRetryRequested': {
      const { stepId, generation } = event.data;
      return { id: stepId, ...unstarted, ...noError, generation, retry_count: 0, idempotency_key: null };
    }
    default:
      return unreachable(event);
  }
};

/** What only a running or a waiting step has. */
const idle = { worker: null, deadline_at: null, heartbeat_due_at: null, retry_at: null };

/** What an attempt's agent reported; it stays readable when the attempt has ended, until the next. */
const unreported = { deferred_at: null, progress_percent: null, progress_message: null, progress_at: null };

const unstarted = {
  status: 'pending',
  started_at: null,
  completed_at: null,
  duration_ms: null,
  ...unreported,
  ...idle,
} as const;

const started = (data: StepStarted): StepChange => ({
  id: data.stepId,
  status: 'running',
  attempt: data.attempt,
  generation: data.generation,
  agent: data.agent,
  worker: data.worker,
  started_at: instant(data.startedAt),
  deadline_at: instant(data.deadline),
  idempotency_key: data.idempotencyKey,
  completed_at: null,
  duration_ms: null,
  heartbeat_due_at: null,
  retry_at: null,
  ...unreported,
  ...noError,
});

/** A retry counts when it is decided on: `decision.attempt` attempts of this generation counted so far, this one included. */
const failed = (event: StepFailed, at: Date): StepChange => {
  const { stepId, error, retryAt, decision, durationMs } = event;
  return {
    id: stepId,
    ...idle,
    ...errorColumns(error),
    status: retryAt === null ? 'failed' : 'waiting',
    retry_at: instantOrNull(retryAt),
    retry_count: retryAt === null ? decision.attempt - 1 : decision.attempt,
    completed_at: retryAt === null ? at : null,
    duration_ms: durationMs,
    last_decision: decisionColumn(event),
  };
};

const born = (executionId: string, { definition, stepIds }: WorkflowStarted, revision: string): Change<Row>[] => {
  if (stepIds.length !== definition.steps.length) {
    throw new Error(`Expected a step id for each of ${definition.steps.length} steps, got ${stepIds.length}`);
  }
  return definition.steps.map((step, index) => ({
    op: 'insert',
    row: {
      id: stepIds[index]!,
      execution_id: executionId,
      step_name: step.name,
      step_order: index + 1,
      agent: step.agent,
      required: step.required,
      attempt: 0,
      generation: 1,
      retry_count: 0,
      max_retries: step.retry.maximumAttempts - 1,
      ...unstarted,
      ...noError,
      last_decision: null,
      idempotency_key: null,
      output: null,
      artifacts: [],
      agent_metadata: null,
      revision,
    },
  }));
};
