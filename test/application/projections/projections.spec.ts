/** Each event type, and what it changes in which table. */
import { projections } from '../../../src/application/projections/index.js';
import type { AnyRow } from '../../../src/application/projections/projection.js';
import { readEvent } from '../../../src/application/projections/read-event.js';
import type { RecordedEvent } from '../../../src/application/log/event-log.js';
import type { WorkflowEvent } from '../../../src/domain/workflow/events.js';
import type { StepError } from '../../../src/domain/workflow/retry-policy.js';
import { step } from '../../support/saga-world.js';

const ID = '11111111-1111-4111-8111-111111111111';
const AT = new Date('2030-01-01T00:00:05.000Z');
const DUE = new Date('2030-01-01T00:01:05.000Z');

const summary = { state: 's', step: 'a', nextStep: 'b', percentComplete: 40, nextActionAt: DUE.toISOString() };
const metadata = {
  commandId: 'c',
  $correlationId: ID,
  $causationId: 'cause',
  actor: { type: 'user', id: 'ann' },
  reason: 'why',
  occurredAt: AT.toISOString(),
  traceparent: null,
  summary,
};

const recorded = (type: string, data: unknown, beside: unknown = metadata): RecordedEvent => ({
  id: 'e',
  type,
  data,
  metadata: beside,
  stream: `workflow-${ID}`,
  revision: 7n,
  position: 9007199254740993n,
  recordedAt: new Date('2030-01-01T00:00:06.000Z'),
});

const project = (table: string, event: RecordedEvent) =>
  projections.find((projection) => projection.table === table)!.project(readEvent(event));

const standing = {
  current_state: 's',
  pause_state: null,
  drained: false,
  current_step: 'a',
  next_step: 'b',
  percent_complete: 40,
  next_action_at: DUE,
  updated_at: AT,
  revision: '7',
  position: '9007199254740993',
};
const a = { stepId: 'step-a', step: 'a' };
const attempt = { ...a, attempt: 2, generation: 1 };
const error: StepError = { type: 'transient', code: 'TIMEOUT', message: 'too slow' };
const errorColumns = { error_type: 'transient', error_code: 'TIMEOUT', error_message: 'too slow' };
const noError = { error_type: null, error_code: null, error_message: null };
const idle = { worker: null, deadline_at: null, heartbeat_due_at: null, retry_at: null };
const unreported = { deferred_at: null, progress_percent: null, progress_message: null, progress_at: null };
const unstarted = {
  ...{ status: 'pending', started_at: null, completed_at: null, duration_ms: null },
  ...unreported,
  ...idle,
};
const decision = { rule: 'retry', attempt: 2, of: 4, delayMs: 2_000, delaySource: 'backoff' } as const;
const lastDecision = {
  ...{ rule: 'retry', error_type: 'transient', attempt: 2, of: 4, delay_ms: 2_000, delay_source: 'backoff' },
  then: 'retry',
};
const failure = { ...attempt, error, decision, durationMs: 5 };
const retryAt = '2030-01-01T00:00:07.000Z';
const startedAt = '2030-01-01T00:00:04.000Z';
const start = { ...attempt, agent: 'x', worker: 'w1', startedAt, deadline: DUE.toISOString(), idempotencyKey: 'k' };
const completion = { ...attempt, output: { o: 1 }, artifacts: [], agentMetadata: { m: 1 }, durationMs: 5 };

type Expected = Readonly<{
  event: WorkflowEvent;
  /** Beside where the execution stands. */
  execution?: Record<string, unknown>;
  executionParts?: Record<string, unknown>;
  step?: Record<string, unknown>;
}>;

const cases: readonly Expected[] = [
  { event: { type: 'WorkflowPaused', data: { stepInFlight: null } } },
  {
    event: {
      type: 'WorkflowPaused',
      data: { stepInFlight: null, cause: 'retries_exhausted', exhausted: { ...a, error } },
    },
    execution: errorColumns,
  },
  { event: { type: 'WorkflowResumed', data: {} } },
  { event: { type: 'NextStepRequested', data: a } },
  { event: { type: 'RemainingStepsRequested', data: {} } },
  { event: { type: 'WorkflowCompleted', data: {} }, execution: { completed_at: AT } },
  { event: { type: 'WorkflowFailed', data: { ...a, error } }, execution: { completed_at: AT, ...errorColumns } },
  {
    event: { type: 'StepStarted', data: start },
    execution: { worker: 'w1' },
    executionParts: { fill: { started_at: new Date(startedAt) } },
    step: {
      ...{ status: 'running', attempt: 2, generation: 1, agent: 'x', worker: 'w1', idempotency_key: 'k' },
      ...{ started_at: new Date(startedAt), deadline_at: DUE, completed_at: null, duration_ms: null, retry_at: null },
      ...{ heartbeat_due_at: null, ...unreported, ...noError },
    },
  },
  {
    event: {
      type: 'StepDeferred',
      data: { ...a, attempt: 2, heartbeatTimeoutMs: 60_000, heartbeatDueAt: DUE.toISOString() },
    },
    execution: { worker: null },
    step: { worker: null, deferred_at: AT, heartbeat_due_at: DUE },
  },
  {
    event: {
      type: 'StepProgressed',
      data: { ...a, attempt: 2, percent: 40, message: 'x', at: AT.toISOString(), heartbeatDueAt: null },
    },
    step: { progress_percent: 40, progress_message: 'x', progress_at: AT, heartbeat_due_at: null },
  },
  {
    event: { type: 'StepCompleted', data: completion },
    execution: { worker: null },
    executionParts: {
      merge: [
        { column: 'checkpoint_data', path: [], value: { last_completed_step: 'a' } },
        { column: 'checkpoint_data', path: ['intermediate_results'], value: { o: 1 } },
      ],
    },
    step: {
      ...{ status: 'completed', completed_at: AT, duration_ms: 5, ...idle },
      ...{ output: { o: 1 }, artifacts: [], agent_metadata: { m: 1 } },
    },
  },
  {
    event: { type: 'StepFailed', data: { ...failure, retryAt } },
    execution: { worker: null },
    step: {
      ...{
        ...idle,
        ...errorColumns,
        status: 'waiting',
        retry_at: new Date(retryAt),
        completed_at: null,
        duration_ms: 5,
      },
      retry_count: 2,
      last_decision: lastDecision,
    },
  },
  {
    event: { type: 'StepFailed', data: { ...failure, retryAt: null } },
    execution: { worker: null },
    step: {
      ...idle,
      ...errorColumns,
      status: 'failed',
      completed_at: AT,
      duration_ms: 5,
      retry_count: 1,
      last_decision: { ...lastDecision, then: null },
    },
  },
  { event: { type: 'StepSkipped', data: { ...attempt, error } }, step: { status: 'skipped', ...errorColumns } },
  {
    event: { type: 'StepInterrupted', data: { ...attempt, worker: 'w1', cause: 'shutdown' } },
    execution: { worker: null },
    step: unstarted,
  },
  {
    event: { type: 'StepRetryRequested', data: { ...a, generation: 2, abandonedAttempt: null } },
    execution: { worker: null, completed_at: null, ...noError },
    step: { ...unstarted, ...noError, generation: 2, retry_count: 0, idempotency_key: null },
  },
];

describe('the two phases of a pause', () => {
  const paused = { ...metadata, summary: { ...summary, state: 'paused' } };
  const pauseColumnsOf = ({ type, data }: WorkflowEvent) => {
    const [change] = project('workflow_executions', recorded(type, data, paused));
    const set: AnyRow = change?.op === 'update' ? change.set : {};
    return { pause_state: set['pause_state'], drained: set['drained'] };
  };
  const pausing = { pause_state: 'pausing', drained: false };
  const drained = { pause_state: 'paused', drained: true };
  const untouched = { pause_state: undefined, drained: undefined };

  test.each<[string, WorkflowEvent, object]>([
    ['a call in flight', { type: 'WorkflowPaused', data: { stepInFlight: 'step-a' } }, pausing],
    ['nothing in flight', { type: 'WorkflowPaused', data: { stepInFlight: null } }, drained],
    ['its result', { type: 'StepCompleted', data: completion }, drained],
    ['its failure', { type: 'StepFailed', data: { ...failure, retryAt } }, drained],
    ['its interruption', { type: 'StepInterrupted', data: { ...attempt, worker: 'w', cause: 'worker_lost' } }, drained],
    ['its step left out', { type: 'StepSkipped', data: { ...attempt, error } }, drained],
    ['an event that is neither', { type: 'NextStepRequested', data: a }, untouched],
  ])('%s', (_, event, expected) => expect(pauseColumnsOf(event)).toEqual(expected));
});

test.each(cases)('$event.type', ({ event, execution = {}, executionParts = {}, step }) => {
  const stored = recorded(event.type, event.data);
  expect(project('workflow_executions', stored)).toEqual([
    { op: 'update', key: { id: ID }, set: { ...standing, ...execution }, ...executionParts },
  ]);
  expect(project('workflow_steps', stored)).toEqual(
    step ? [{ op: 'update', key: { id: 'step-a' }, set: { ...step, revision: '7' } }] : [],
  );
});

test('WorkflowCancelled ends the execution and all steps that are not done', () => {
  const stored = recorded('WorkflowCancelled', { stepInFlight: 'step-a' });
  expect(project('workflow_executions', stored)).toEqual([
    { op: 'update', key: { id: ID }, set: { ...standing, completed_at: AT, worker: null } },
  ]);
  expect(project('workflow_steps', stored)).toEqual([
    {
      op: 'update',
      key: { execution_id: ID },
      where: { column: 'status', among: ['pending', 'running', 'waiting'] },
      set: { ...idle, status: 'cancelled', completed_at: AT, revision: '7' },
    },
  ]);
});

const started = {
  executionId: ID,
  projectId: 'p',
  documentType: 'ib',
  triggeredBy: 'ann',
  autoExecute: true,
  metadata: { language: 'en' },
  definition: { name: 'ib-generation', documentType: 'ib', steps: [step('a'), step('b', { required: false })] },
  definitionHash: 'hash',
  stepIds: ['step-a', 'step-b'],
  requestHash: 'r',
};

test('WorkflowStarted gives birth to the execution and its steps', () => {
  const stored = recorded('WorkflowStarted', started);
  expect(project('workflow_executions', stored)).toEqual([
    {
      op: 'insert',
      row: {
        id: ID,
        project_id: 'p',
        document_type: 'ib',
        workflow_name: 'ib-generation',
        definition_hash: 'hash',
        triggered_by: 'ann',
        auto_execute: true,
        checkpoint_data: { last_completed_step: null, intermediate_results: {} },
        metadata: { language: 'en' },
        created_at: AT,
        started_at: null,
        completed_at: null,
        worker: null,
        ...noError,
        ...standing,
      },
    },
  ]);
  expect(project('workflow_steps', stored)).toMatchObject([
    { row: { id: 'step-a', step_name: 'a', step_order: 1, required: true, max_retries: 3, status: 'pending' } },
    { row: { id: 'step-b', step_name: 'b', step_order: 2, required: false, execution_id: ID, revision: '7' } },
  ]);
});

test('an event of an unknown type is a row of workflow_events, and moves the revision of its execution', () => {
  for (const beside of [metadata, null, 'foreign']) {
    const stored = recorded('Strange', 'whatever', beside);
    expect(project('workflow_executions', stored)).toEqual([
      { op: 'update', key: { id: ID }, set: { revision: '7', position: '9007199254740993' } },
    ]);
    expect(project('workflow_steps', stored)).toEqual([]);
    expect(project('workflow_events', stored)).toMatchObject([
      { row: { event_type: 'Strange', data: 'whatever', actor: beside === metadata ? metadata.actor : null } },
    ]);
  }
});

test('every event is a row of workflow_events, with who, why and both times', () => {
  expect(project('workflow_events', recorded('WorkflowResumed', {}))).toEqual([
    {
      op: 'insert',
      row: {
        id: 'e',
        execution_id: ID,
        position: '9007199254740993',
        revision: '7',
        event_type: 'WorkflowResumed',
        data: {},
        actor: { type: 'user', id: 'ann' },
        reason: 'why',
        command_id: 'c',
        correlation_id: ID,
        causation_id: 'cause',
        occurred_at: AT,
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
        previous_hash: null,
        recorded_at: new Date('2030-01-01T00:00:06.000Z'),
        current_state: 's',
        percent_complete: 40,
      },
    },
  ]);
});

test.each([
  ['no summary beside it', 'WorkflowResumed', {}, { ...metadata, summary: undefined }],
  ['data that are not an object', 'StepStarted', '{"broken', metadata],
  ['a start without its time', 'StepStarted', { ...start, startedAt: undefined }, metadata],
  ['fewer step ids than steps', 'WorkflowStarted', { ...started, stepIds: ['step-a'] }, metadata],
])('it refuses a known event with %s', (_, type, data, beside) => {
  expect(() => project('workflow_steps', recorded(type, data, beside))).toThrow();
});
