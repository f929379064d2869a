/** The rows that an execution's state and history ask for, worked out from the domain's fold and not from the projections. */
import { parseMetadata } from '../../../src/application/log/envelope.js';
import type { RecordedEvent } from '../../../src/application/log/event-log.js';
import type { DecisionView, ExecutionView, StepView } from '../../../src/application/queries/read-model.js';
import { fold } from '../../../src/domain/decider.js';
import { checkpointOf, summarise } from '../../../src/domain/workflow/summary.js';
import type { StepFailed, WorkflowEvent, WorkflowStarted } from '../../../src/domain/workflow/events.js';
import { workflow } from '../../../src/domain/workflow/index.js';
import {
  pauseStateOf,
  currentStep,
  type ExistingWorkflow,
  type StepState,
} from '../../../src/domain/workflow/state.js';
import { upcast } from '../../../src/domain/workflow/event-shapes.js';

type Known = Readonly<{ event: WorkflowEvent; at: Date; revision: string }>;
type Of<Type extends WorkflowEvent['type']> = Extract<WorkflowEvent, { type: Type }>;

const knownOf = (history: readonly RecordedEvent[]): readonly Known[] =>
  history.flatMap(({ type, data, metadata, revision }) => {
    const event = upcast(type, data);
    return event ? [{ event, at: new Date(parseMetadata(metadata).occurredAt), revision: String(revision) }] : [];
  });

const stateAfter = (known: readonly Known[]): ExistingWorkflow => {
  const state = fold(
    workflow,
    known.map(({ event }) => event),
  );
  if (state.status === 'none') throw new Error('Expected an execution');
  return state;
};

const isOf =
  <Type extends WorkflowEvent['type']>(...types: readonly Type[]) =>
  (known: Known): known is Known & Readonly<{ event: Of<Type> }> =>
    (types as readonly string[]).includes(known.event.type);

export const expectedExecution = (history: readonly RecordedEvent[]): ExecutionView => {
  const known = knownOf(history);
  const state = stateAfter(known);
  const started = known[0]!.event.data as WorkflowStarted;
  const last = known.at(-1)!;
  const summary = summarise(state, last.at);
  const failed = state.steps.find(({ status }) => status === 'failed');
  // Between the failure of a step and what it means for the execution, which come in one append, it has no error yet.
  const isTold = known.some(
    ({ event }, index) =>
      (event.type === 'WorkflowFailed' || (event.type === 'WorkflowPaused' && event.data.cause !== undefined)) &&
      !known.slice(index).some(isOf('StepRetryRequested')),
  );
  const error = isTold && failed?.status === 'failed' ? failed.error : null;
  const pauseState = pauseStateOf(state);
  const running = currentStep(state)?.step;
  const isOver = state.status === 'completed' || state.status === 'failed' || state.status === 'cancelled';
  const ends = known.filter(isOf('WorkflowCompleted', 'WorkflowFailed', 'WorkflowCancelled'));
  const firstStart = known.find(isOf('StepStarted'));
  return {
    id: state.executionId,
    project_id: state.projectId,
    document_type: state.documentType,
    workflow_name: state.definition.name,
    definition_hash: started.definitionHash,
    triggered_by: started.triggeredBy,
    auto_execute: started.autoExecute,
    current_state: summary.state,
    pause_state: pauseState,
    drained: pauseState === 'paused',
    current_step: summary.step,
    next_step: summary.nextStep,
    percent_complete: summary.percentComplete,
    error_type: error?.type ?? null,
    error_code: error?.code ?? null,
    error_message: error?.message ?? null,
    checkpoint_data: checkpointOf(state),
    metadata: state.metadata,
    created_at: known[0]!.at,
    started_at: firstStart ? new Date(firstStart.event.data.startedAt) : null,
    updated_at: last.at,
    completed_at: isOver ? ends.at(-1)!.at : null,
    next_action_at: summary.nextActionAt === null ? null : new Date(summary.nextActionAt),
    worker: running?.status === 'running' && !running.deferred ? running.worker : null,
    revision: String(history.at(-1)!.revision),
    position: String(history.at(-1)!.position),
  };
};

export const expectedSteps = (history: readonly RecordedEvent[]): readonly StepView[] => {
  const known = knownOf(history);
  const state = stateAfter(known);
  const cancel = known.find(isOf('WorkflowCancelled'));
  const before = cancel ? stateAfter(known.slice(0, known.indexOf(cancel))) : state;
  return state.steps.map((step, index) => {
    const row = expectedStep(before, index, known);
    if (step.status !== 'cancelled' || !cancel) return row;
    const ended = {
      completed_at: cancel.at,
      worker: null,
      deadline_at: null,
      heartbeat_due_at: null,
      retry_at: null,
    };
    return { ...row, ...ended, status: 'cancelled', revision: cancel.revision };
  });
};

const expectedStep = (state: ExistingWorkflow, index: number, known: readonly Known[]): StepView => {
  const step = state.steps[index]!;
  const definition = state.definition.steps[index]!;
  const own = known
    .filter(({ event }) => 'stepId' in event.data && event.data.stepId === step.id)
    .filter(
      isOf(
        ...(['StepStarted', 'StepDeferred', 'StepProgressed', 'StepCompleted', 'StepFailed'] as const),
        ...(['StepSkipped', 'StepInterrupted', 'StepRetryRequested'] as const),
      ),
    );
  const start = own.filter(isOf('StepStarted')).at(-1);
  const last = own.at(-1);
  const done = own.find(isOf('StepCompleted'));
  const failure = own.filter(isOf('StepFailed')).at(-1);
  // What was said of the latest attempt stays until the next begins, or until the step is made ready for it.
  const ofAttempt = step.status === 'pending' || !start ? [] : own.slice(own.indexOf(start));
  const deferral = ofAttempt.find(isOf('StepDeferred'));
  const said = ofAttempt.filter(isOf('StepProgressed')).at(-1);
  const dueAt = step.status === 'running' ? (step.deferred?.heartbeatDueAt ?? null) : null;
  const isBegun = step.status !== 'pending';
  const isEnded = step.status === 'completed' || step.status === 'skipped' || step.status === 'failed';
  const ended = own.filter(isOf('StepCompleted', 'StepFailed')).at(-1);
  const error = 'error' in step ? step.error : null;
  return {
    id: step.id,
    execution_id: state.executionId,
    step_name: definition.name,
    step_order: index + 1,
    agent: definition.agent,
    required: definition.required,
    status: step.status,
    attempt: step.attempt,
    generation: step.generation,
    retry_count: retriesOf(step),
    max_retries: definition.retry.maximumAttempts - 1,
    started_at: isBegun && start ? new Date(start.event.data.startedAt) : null,
    completed_at: isEnded ? last!.at : null,
    duration_ms: (isEnded || step.status === 'waiting') && ended ? ended.event.data.durationMs : null,
    error_type: error?.type ?? null,
    error_code: error?.code ?? null,
    error_message: error?.message ?? null,
    last_decision: failure ? decisionOf(failure.event.data) : null,
    retry_at: step.status === 'waiting' ? new Date(step.retryAt) : null,
    deadline_at: step.status === 'running' ? new Date(step.deadline) : null,
    deferred_at: deferral?.at ?? null,
    heartbeat_due_at: dueAt === null ? null : new Date(dueAt),
    progress_percent: said?.event.data.percent ?? null,
    progress_message: said?.event.data.message ?? null,
    progress_at: said ? new Date(said.event.data.at) : null,
    worker: step.status === 'running' && !step.deferred ? step.worker : null,
    idempotency_key: start?.event.data.generation === step.generation ? start.event.data.idempotencyKey : null,
    output: done?.event.data.output ?? null,
    artifacts: done?.event.data.artifacts ?? [],
    agent_metadata: done?.event.data.agentMetadata ?? null,
    revision: last?.revision ?? '0',
  };
};

const decisionOf = ({ decision: { errorType, delayMs, delaySource, ...decision } }: StepFailed): DecisionView => ({
  ...decision,
  error_type: errorType!,
  delay_ms: delayMs,
  delay_source: delaySource,
  then: decision.then!,
});

/** Tries that counted, the first of them left out; while none runs and none ended it, the next is a retry too. */
const retriesOf = ({ status, tries }: StepState): number =>
  status === 'pending' || status === 'waiting' ? tries : tries - 1;
