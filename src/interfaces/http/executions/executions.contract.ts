import { auditMembers } from '../audit/audit.contract.js';
import { COMMAND_HEADERS } from '../contract/headers.js';
import type { Answer, Contract } from '../contract/operation.js';
import * as is from '../contract/schema.js';
import { json, type Schema } from '../contract/schema.js';
import {
  ACTIONS,
  REVISION,
  POSITION,
  CURSOR,
  identity,
  PERCENT,
  CURRENT_STEP,
  NEXT_STEP,
  pauseMembers,
  listed,
} from './execution-schemas.contract.js';

const TAG = 'Executions';

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
      304: { ...UNCHANGED, headers: ['ETag', 'Content-Disposition'] },
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
