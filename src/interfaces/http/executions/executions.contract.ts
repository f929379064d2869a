import { auditMembers } from '../audit/audit.contract.js';
import { COMMAND_HEADERS } from '../contract/headers.js';
import type { Answer, Contract } from '../contract/operation.js';
import * as is from '../contract/schema.js';
import { type Schema, type Schemas, STEP_ID } from '../contract/schema.js';

const TAG = 'Executions';
const STATE =
  'Its state: `created`, states of the definition such as `enriching`, `paused`, `completed`, `failed`, `cancelled`.';
const ERROR_TYPES = ['transient', 'validation', 'fatal'];
const ACTIONS = ['pause', 'resume', 'retry', 'cancel', 'next_step', 'remaining'];
const REVISION = is.revision('The revision of the last event of the execution.');
const POSITION = is.revision('The position of that event in the log.', '4711');
const CURSOR = is.nullable(is.text('For the next page; null: this is the last.', 'WyJhc2MiLCIyMDAiXQ'));

/** What went wrong last, and what an agent reported. */
const errorMembers = {
  error_type: is.nullable(is.choice('The class of the last error.', ERROR_TYPES)),
  error_code: is.nullable(is.text('Its code.', 'TIMEOUT')),
  error_message: is.nullable(is.text('Its message.', 'The agent did not answer in time')),
};

const identity = {
  id: is.uuid('The id of the execution.'),
  project_id: is.text('The project.', 'metformin'),
  document_type: is.text('The kind of document.', 'investigators_brochure'),
};
const PERCENT = is.integer('How far it is: 100 only where it is completed.', 42, { minimum: 0, maximum: 100 });
const CURRENT_STEP = is.nullable(is.text('The step that runs, waits, failed or ended last.', 'writing'));
const NEXT_STEP = is.nullable(is.text('The step that would start next.', 'validation'));
const pauseMembers = {
  pause_state: is.nullable(is.choice('`pausing` while a call is in flight, then `paused`.', ['pausing', 'paused'])),
  drained: is.flag('Whether it is paused with nothing left in flight.', false),
};

const listed = {
  ...identity,
  workflow_name: is.text('The name of the definition.', 'ib-generation'),
  definition_hash: is.hash('Of the definition that it runs by.'),
  triggered_by: is.nullable(is.text('Who started it.', 'ann')),
  auto_execute: is.flag('Whether the steps follow each other by themselves.'),
  current_state: is.text(STATE, 'writing'),
  ...pauseMembers,
  current_step: CURRENT_STEP,
  next_step: NEXT_STEP,
  percent_complete: PERCENT,
  ...errorMembers,
  metadata: is.open('As the caller gave it at the start.', { priority: 'high' }),
  created_at: is.time('When it was started.'),
  started_at: is.nullable(is.time('When its first step began.')),
  updated_at: is.time('When the last event was recorded.'),
  completed_at: is.nullable(is.time('When it was completed, failed or cancelled.')),
  next_action_at: is.nullable(is.time('When the application looks at it again by itself.')),
  worker: is.nullable(is.text('The instance that works on it.', 'host-1:4711')),
  revision: REVISION,
  position: POSITION,
};
const DAMAGE = is.object('Where its history is damaged: it is held back until the history is whole again.', {
  kind: is.choice('What is wrong.', ['truncated', 'gap', 'gone', 'tombstoned', 'unreadable'], 'gap'),
  message: is.text('The same in a sentence.', 'Revision 7 is missing'),
  found_at: is.time('When it was found.'),
});

const ARTIFACT = is.object('A file that a step made.', {
  name: is.text('Its name.', 'brochure.pdf'),
  sha256: is.hash('Of its bytes.'),
  bytes: is.integer('Its size.', 48_211),
  contentType: is.text('Its media type.', 'application/pdf'),
});

const DECISION = is.object('Why the last failed attempt was, or was not, followed by another.', {
  rule: is.choice('The rule that decided.', [
    'retry',
    'error_not_retryable',
    'step_not_retryable',
    'attempts_exhausted',
  ]),
  error_type: is.choice('The class of the error.', ERROR_TYPES),
  attempt: is.integer('Which attempt of its generation it was.', 1),
  of: is.integer('How many there may be.', 4),
  delay_ms: is.nullable(is.integer('How long the next attempt waits.', 1_000)),
  delay_source: is.nullable(is.choice('Who asked for the wait.', ['backoff', 'retry_after'])),
  then: is.nullable(is.choice('What follows.', ['retry', 'fail', 'skip', 'pause'])),
});

const STEP = is.object('A step of an execution.', {
  id: is.uuid('The id of the step, for `retry`.', STEP_ID),
  execution_id: identity.id,
  step_name: is.text('Its name in the definition.', 'writing'),
  step_order: is.integer('Its place, from 1.', 3),
  agent: is.text('The agent that does it.', 'writer'),
  required: is.flag('Whether the execution needs it.'),
  status: is.choice('Its state.', ['pending', 'running', 'waiting', 'completed', 'skipped', 'failed', 'cancelled']),
  attempt: is.integer('The latest attempt; 0 before the first.', 1),
  generation: is.integer('How often it was begun anew.', 1),
  retry_count: is.integer('Automatic retries of this generation.', 0),
  max_retries: is.integer('How many there may be.', 3),
  started_at: is.nullable(is.time('When it began.')),
  completed_at: is.nullable(is.time('When it ended.')),
  duration_ms: is.nullable(is.integer('How long it took.', 1_834)),
  ...errorMembers,
  retry_at: is.nullable(is.time('When the next attempt is due by itself.')),
  last_decision: is.nullable(DECISION),
  deadline_at: is.nullable(is.time('When the attempt times out.')),
  deferred_at: is.nullable(is.time('When the agent took a task token.')),
  heartbeat_due_at: is.nullable(is.time('When the agent has to be heard of again.')),
  progress_percent: is.nullable(is.number('As the agent reported.', 40, { minimum: 0, maximum: 100 })),
  progress_message: is.nullable(is.text('As the agent reported.', 'Section 3 of 7')),
  progress_at: is.nullable(is.time('When it reported.')),
  worker: is.nullable(is.text('The instance that calls the agent.', 'host-1:4711')),
  idempotency_key: is.nullable(is.text('Under which the agent was called.', `${STEP_ID}:1`)),
  output: is.nullable(is.open('What the agent made.', { sections: 7 })),
  artifacts: is.list('Files that the agent made.', is.ref('Artifact')),
  agent_metadata: is.nullable(is.open('What the agent said of its work.', { model: 'none' })),
  revision: REVISION,
});

const EVENT = is.object('An event of an execution’s history. Null beside `reason`: another program wrote it.', {
  id: is.uuid('The id of the event.', '0198f2d4-6c20-7d41-8a11-0c2f9b7d5e13'),
  execution_id: is.text('The id of the execution.', is.EXECUTION_ID),
  position: POSITION,
  revision: is.revision('Its place in the history, from 0.'),
  event_type: is.text('What happened, in the past tense.', 'StepCompleted'),
  data: is.anything('What the event says; its shape depends on the type.', { step: 'writing', attempt: 1 }),
  actor: is.nullable(is.ref('Actor')),
  reason: is.nullable(is.text('Why, where the actor said so.', 'The source data are being corrected')),
  command_id: is.nullable(is.text('The command that it came of.', '7b0e2c4a-1d3f-5a6b-8c7d-9e0f1a2b3c4d')),
  correlation_id: is.nullable(is.text('What all events of one request have in common.', is.EXECUTION_ID)),
  causation_id: is.nullable(is.text('The event that it followed from.', '0198f2d4-6c20-7d41-8a11-0c2f9b7d5e12')),
  occurred_at: is.nullable(is.time('The time of the command.')),
  recorded_at: is.time('The time of the log.'),
  hash: is.nullable(is.hash('Of the event; it covers the one before.')),
  previous_hash: is.nullable(is.hash('Of the event before.')),
  current_state: is.nullable(is.text('The state after it.', 'written')),
  percent_complete: is.nullable(PERCENT),
});

export const EXECUTION_SCHEMAS: Schemas = {
  ListedExecution: is.object('An execution in a list.', listed, {
    checkpoint_data: is.ref('Checkpoint'),
    damage: DAMAGE,
  }),
  Execution: is.object(
    'An execution as the read tables show it.',
    { ...listed, checkpoint_data: is.ref('Checkpoint') },
    { damage: DAMAGE },
  ),
  Step: STEP,
  Event: EVENT,
  Artifact: ARTIFACT,
};

const json = (data: Schema) => ({ 'application/json': is.envelope(data) });

const started = is.object('The execution that was started.', {
  execution: is.object('As it was created, however far it has got since.', {
    ...identity,
    workflow_name: listed.workflow_name,
    triggered_by: listed.triggered_by,
    auto_execute: listed.auto_execute,
    current_state: is.constant('Its state.', 'created'),
    current_step: { type: 'null', description: 'None has begun.', examples: [null] },
    percent_complete: is.integer('How far it is.', 0),
    metadata: listed.metadata,
    created_at: listed.created_at,
    revision: REVISION,
  }),
  started: is.flag('Whether its first step follows by itself.'),
  revision: REVISION,
  position: is.nullable(POSITION),
});

const controlled = is.object('What came of the command.', {
  execution: is.object('The execution after it.', {
    ...identity,
    current_state: listed.current_state,
    ...pauseMembers,
    current_step: CURRENT_STEP,
    next_step: NEXT_STEP,
    percent_complete: PERCENT,
    allowed_actions: is.list('What would change something now.', is.choice('An action.', ACTIONS)),
    revision: REVISION,
  }),
  changed: is.flag('Whether the command changed anything.'),
  revision: REVISION,
  position: is.nullable(POSITION),
});

const MOMENT = is.object('The moment that the answer shows.', {
  at_revision: is.nullable(is.revision('As asked for.')),
  as_of: is.nullable(is.text('As asked for.', '2026-01-31T12:00:00Z')),
  of_revision: is.revision('The last event that counts.'),
});

const details = is.object(
  'An execution, and what was asked for beside it.',
  { execution: is.ref('Execution') },
  {
    steps: is.list('All its steps, in their order (`include_steps`).', is.ref('Step')),
    events: is.list('Its latest events, oldest of them first (`include_events`).', is.ref('Event')),
    earlier_events: is.integer('How many events came before these.', 0),
    ...auditMembers,
    held_back: is.object('Why this instance does not take it further.', {
      reason: is.text('In a word.', 'history_damaged'),
      message: is.text('In a sentence.', 'Its history has a gap'),
      since: is.time('Since when.'),
    }),
    behind: is.flag('The read tables have not come to `min_revision` yet.'),
    requested_revision: is.revision('The `min_revision` asked for, where the tables are behind.'),
    actual_revision: REVISION,
    historical: MOMENT,
  },
);

const definition = is.object(
  'A definition, with every default filled in.',
  {
    name: is.text('Its name.', 'ib-generation'),
    document_type: identity.document_type,
    hash: listed.definition_hash,
    steps: is.list(
      'Its steps, in their order.',
      is.object('A step.', {
        name: STEP_NAME(),
        agent: is.text('The agent that does it.', 'writer'),
        required: is.flag('Whether the execution needs it.'),
        timeout_minutes: is.number('How long an attempt may take.', 10),
        heartbeat_timeout_seconds: is.nullable(is.number('How long an agent that reports later may be silent.', 60)),
        retry_on_failure: is.flag('Whether a failed attempt is repeated.'),
        max_retries: is.integer('How often.', 3),
        on_exhausted: is.choice('What follows the last failed attempt.', ['fail', 'skip', 'pause']),
        running_state: is.text('The state of the execution while it runs.', 'writing'),
        completed_state: is.text('The state of the execution after it.', 'written'),
        weight: is.number('Its share of the whole.', 3),
      }),
    ),
  },
  {
    separation_of_duties: is.open('What the definition relaxes of the separation of duties.', { review: false }),
  },
);

function STEP_NAME(): Schema {
  return is.text('Its name.', 'writing');
}

const found = (description: string, data: Schema, headers: Answer['headers'] = []): Answer => ({
  description,
  content: json(data),
  headers,
});
const UNCHANGED: Answer = { description: 'The caller has this version already.', headers: ['ETag'] };

const COMMAND_ERRORS = [
  ...[
    'malformedOrder',
    'notFound',
    'executionConflict',
    'tombstoned',
    'otherRevision',
    'keyReused',
    'unavailableWrite',
  ],
] as const;

export const EXECUTIONS: Contract = {
  'POST /api/v1/workflow/start': {
    id: 'startExecution',
    tag: TAG,
    summary: 'Start an execution',
    description:
      'Strongly consistent: an answer means that the event is in the log. `Idempotency-Key` makes a repeat safe.',
    headers: COMMAND_HEADERS,
    fields: {
      triggered_by: { description: 'Who starts it, where no credential proves it.', example: 'ann' },
      auto_execute: {
        description: 'Whether the steps follow each other by themselves; by default they do.',
        example: true,
      },
    },
    answers: { 201: found('It is started.', started, ['Location']) },
    errors: [
      'malformedStart',
      'executionConflict',
      'tombstoned',
      'metadataTooLarge',
      'keyReused',
      'unavailableWrite',
      'notFound',
    ],
  },
  'POST /api/v1/workflow/control': {
    id: 'controlExecution',
    tag: TAG,
    summary: 'Pause, resume, retry or cancel an execution',
    headers: [...COMMAND_HEADERS, 'If-Match'],
    fields: {
      action: { description: 'What to do.', example: 'pause' },
      step_id: { description: 'The step to retry: required with `retry`, and nothing besides.', example: null },
    },
    answers: { 200: found('It is done, or needed nothing (`changed`).', controlled) },
    errors: COMMAND_ERRORS,
  },
  'POST /api/v1/workflow/execute': {
    id: 'executeSteps',
    tag: TAG,
    summary: 'Execute the next step, or all that remain',
    headers: [...COMMAND_HEADERS, 'If-Match'],
    fields: {
      mode: { description: '`next_step`: one, then it waits; `remaining`: all that are left.', example: 'next_step' },
    },
    answers: { 200: found('It is done, or needed nothing (`changed`).', controlled) },
    errors: COMMAND_ERRORS,
  },
  'GET /api/v1/workflow': {
    id: 'getExecution',
    tag: TAG,
    summary: 'One execution',
    description:
      'Eventually consistent: what the read tables show; with `at_revision` or `as_of`, what they showed then.',
    headers: ['If-None-Match'],
    fields: {
      include_steps: { description: 'With its steps.', example: true },
      include_events: { description: 'With its latest 1,000 events.', example: false },
      include_audit: { description: 'With what nobody has reviewed yet, and its signatures.', example: false },
      min_revision: { description: 'Waits up to 2 s for the tables to hold at least that revision.', example: '12' },
      at_revision: { description: 'As it was after that event.', example: '7' },
      as_of: { description: 'As it was at that time.', example: '2026-01-31T12:00:00Z' },
    },
    answers: {
      200: found('The execution.', details, ['ETag', 'Cache-Control']),
      304: UNCHANGED,
    },
    errors: ['malformedHistory', 'notInHistory', 'damaged', 'tombstoned'],
  },
  'GET /api/v1/workflow/executions': {
    id: 'listExecutions',
    tag: TAG,
    summary: 'Executions, the latest first',
    fields: {
      state: { description: 'In that state alone.', example: 'completed' },
      project_id: { description: 'Of that project alone.' },
      document_type: { description: 'Of that kind of document alone.' },
      created_after: { description: 'Started at that time or later.', example: '2026-01-01T00:00:00Z' },
      created_before: { description: 'Started before that time.', example: '2026-02-01' },
      include_checkpoint: { description: 'With their results, which are most of an execution.', example: false },
    },
    answers: {
      200: found(
        'A page of them.',
        is.object('A page.', {
          executions: is.list('The executions.', is.ref('ListedExecution')),
          next_cursor: CURSOR,
        }),
      ),
    },
    errors: ['malformedList'],
  },
  'GET /api/v1/workflow/:execution_id/artifacts/:name': {
    id: 'getArtifact',
    tag: TAG,
    summary: 'A file that a step made',
    description:
      'The bytes, under the media type that the agent named; or a copy of a PDF with its signatures on a page behind its own.',
    headers: ['If-None-Match'],
    fields: {
      name: { description: 'The name of the file.', example: 'brochure.pdf' },
      signatures: { description: 'A copy of a PDF with its signatures.', example: false },
    },
    answers: {
      200: {
        description: 'The bytes of the file.',
        content: {
          '*/*': {
            type: 'string',
            contentMediaType: 'application/octet-stream',
            description: 'The bytes.',
            examples: ['%PDF-1.7'],
          },
        },
        headers: ['Content-Disposition', 'ETag'],
      },
      304: UNCHANGED,
    },
    errors: ['malformedArtifact', 'notFound', 'executionConflict', 'tombstoned', 'artifactDamaged'],
  },
  'GET /api/v1/workflow/definitions': {
    id: 'listDefinitions',
    tag: TAG,
    summary: 'The installed definitions',
    answers: {
      200: found('All of them.', is.object('The definitions.', { definitions: is.list('Each of them.', definition) })),
    },
    errors: [],
  },
};
