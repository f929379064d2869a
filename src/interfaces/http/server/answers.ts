/** What the application knows, in the words of the API. Revisions and positions are strings: they may exceed a double. */
import type { PublishedDefinition } from '../../../application/workflow/definitions.js';
import type { ExecutionAnswer } from '../../../application/queries/get-execution.js';
import type { PastAnswer } from '../../../application/history/get-past-execution.js';
import type { TaskAnswer } from '../../../application/commands/report-task.js';
import type { StartRequest } from '../../../application/commands/start-workflow.js';
import type { Outcome } from '../../../application/workflow/outcome.js';
import { allowedActions, summarise } from '../../../domain/workflow/summary.js';
import type { StepDefinition } from '../../../domain/workflow/events.js';
import { pauseStateOf } from '../../../domain/workflow/state.js';

export type Answer<Data> = Readonly<{ success: true; data: Data }>;

export const answer = <Data>(data: Data): Answer<Data> => ({ success: true, data });

/** The execution as it was created, however far it has got since: a repeated start is answered as the first one was. */
export const startedAnswer = ({ answer: state, revision, position, createdAt }: Outcome, request: StartRequest) => ({
  execution: {
    id: state.executionId,
    project_id: state.projectId,
    document_type: state.documentType,
    workflow_name: state.definition.name,
    triggered_by: request.triggeredBy,
    auto_execute: request.autoExecute,
    current_state: 'created',
    current_step: null,
    percent_complete: 0,
    metadata: state.metadata,
    created_at: createdAt,
    revision: revision.toString(),
  },
  started: request.autoExecute,
  revision: revision.toString(),
  position: position?.toString() ?? null,
});

export const controlledAnswer = ({ state, revision, position, appended }: Outcome, now: Date) => {
  const summary = summarise(state, now);
  const pauseState = pauseStateOf(state);
  return {
    execution: {
      id: state.executionId,
      project_id: state.projectId,
      document_type: state.documentType,
      current_state: summary.state,
      pause_state: pauseState,
      drained: pauseState === 'paused',
      current_step: summary.step,
      next_step: summary.nextStep,
      percent_complete: summary.percentComplete,
      allowed_actions: allowedActions(state),
      revision: revision.toString(),
    },
    changed: appended.length > 0,
    revision: revision.toString(),
    position: position?.toString() ?? null,
  };
};

/** `continue: false`: what was reported is recorded, and nothing more is expected. */
export const taskAnswer = (task: TaskAnswer) =>
  task.continue
    ? { continue: true, deadline_at: task.deadlineAt, heartbeat_due_at: task.heartbeatDueAt }
    : { continue: false };

/** `earlier_events`: how many came before those that are here, where there are more than come with an execution. */
export const executionAnswer = ({ execution, steps, events, behind }: ExecutionAnswer, minRevision: bigint | null) => ({
  execution,
  ...(steps && { steps }),
  ...(events && { events, earlier_events: Number(events[0]?.revision ?? 0) }),
  ...(behind && { behind, requested_revision: minRevision?.toString(), actual_revision: execution.revision }),
});

/** The same answer as then, with a mark. Nothing in it depends on when it is asked for. */
export const pastAnswer = (past: PastAnswer, asked: Readonly<{ at_revision?: string; as_of?: string }>) => ({
  ...executionAnswer({ ...past, behind: false }, null),
  historical: {
    at_revision: asked.at_revision ?? null,
    as_of: asked.as_of ?? null,
    of_revision: past.revision.toString(),
  },
});

/** As in a definition file, with every default filled in. */
export const definitionAnswer = ({ definition, hash }: PublishedDefinition) => ({
  name: definition.name,
  document_type: definition.documentType,
  hash,
  steps: definition.steps.map(stepAnswer),
});

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

const stepAnswer = (step: StepDefinition) => ({
  name: step.name,
  agent: step.agent,
  required: step.required,
  timeout_minutes: step.timeoutMs / MINUTE_MS,
  heartbeat_timeout_seconds: step.heartbeatTimeoutMs === undefined ? null : step.heartbeatTimeoutMs / SECOND_MS,
  retry_on_failure: step.retry.maximumAttempts > 1,
  max_retries: step.retry.maximumAttempts - 1,
  on_exhausted: step.onExhausted ?? 'fail',
  running_state: step.runningState,
  completed_state: step.completedState,
  weight: step.weight,
});
