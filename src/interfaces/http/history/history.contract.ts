import type { Contract } from '../contract/operation.js';
import * as is from '../contract/schema.js';
import { json, type Schema } from '../contract/schema.js';

const TAG = 'History';
const STEP_NAME = is.nullable(is.text('The step; null: the execution.', 'writing'));

const CLOUD_EVENT = is.object(
  'CloudEvents 1.0. Attributes without a value are left out.',
  {
    specversion: is.constant('The version of the format.', '1.0'),
    id: is.text('The id of the event.', '0198f2d4-6c20-7d41-8a11-0c2f9b7d5e13'),
    source: is.text('Where it comes from.', '/api/v1/workflow'),
    type: is.text('`workflow-executor.` and the type of the event.', 'workflow-executor.StepCompleted'),
    subject: is.text('The execution.', is.EXECUTION_ID),
    datacontenttype: is.constant('The type of the data.', 'application/json'),
    data: is.anything('What the event says.', { step: 'writing', attempt: 1 }),
  },
  Object.fromEntries([
    ['time', is.time('When it occurred.')],
    ['recordedtime', is.time('When it was recorded.')],
    ...['revision', 'position', 'correlationid', 'causationid', 'commandid', 'actortype', 'actorid'].map(attribute),
    ...['actorissuer', 'actorverified', 'reason', 'hash', 'previoushash'].map(attribute),
  ] as [string, Schema][]),
);

function attribute(name: string): [string, Schema] {
  return [name, is.text('As the member of the event with that name.', name === 'actorverified' ? 'true' : '12')];
}

const LINES: Schema = {
  type: 'string',
  contentMediaType: 'application/x-ndjson',
  description:
    'The whole history, or `limit` events, one a line (as `Event`, or as CloudEvents with `format=cloudevents`). The last line is `{"end": {"complete", "events", "next_cursor", "error"?}}`, or a CloudEvent of type `workflow-executor.HistoryEnd` with that as its data: without it, or where it is not complete, there is more than was sent.',
  examples: ['{"end":{"complete":true,"events":0,"next_cursor":null}}\n'],
};

const run = {
  id: is.uuid('The execution.'),
  workflow_name: is.text('The definition.', 'ib-generation'),
  definition_hash: is.hash('Of the definition.'),
  current_state: is.text('Its state.', 'completed'),
  started_at: is.nullable(is.time('When its first step began.')),
  completed_at: is.nullable(is.time('When it ended.')),
  revision: is.revision('The last event that counts.'),
};
const COMPARED = ['status', 'attempts', 'error', 'output_hash'];
const step = is.nullable(
  is.object('The step in one run; null where that run has none.', {
    status: is.text('Its state.', 'completed'),
    attempts: is.integer('How many attempts there were.', 1),
    generation: is.integer('How often it was begun anew.', 1),
    started_at: is.nullable(is.time('When it began.')),
    duration_ms: is.nullable(is.integer('How long it took.', 1_834)),
    error: is.nullable(
      is.object('Its last error.', {
        type: is.text('The class.', 'transient'),
        code: is.nullable(is.text('The code.', 'TIMEOUT')),
        message: is.nullable(is.text('The message.', 'The agent did not answer in time')),
      }),
    ),
    output_hash: is.nullable(is.hash('Of its output.')),
  }),
);

export const HISTORY: Contract = {
  'GET /api/v1/workflow/:execution_id/events': {
    id: 'listEvents',
    tag: TAG,
    summary: 'The history of an execution',
    description:
      'From the log, or from the read tables. `Accept` chooses pages of JSON, lines of JSON, or CloudEvents.',
    fields: {
      source: { description: '`log`: as recorded; `projection`: what the read tables have.', example: 'log' },
      order: { description: 'Oldest or latest first.', example: 'asc' },
      format: { description: 'Events as they are, or as CloudEvents.', example: 'json' },
      type: { description: 'These types alone; repeated, or with commas between.', example: ['StepCompleted'] },
      after_revision: { description: 'Only events after that one.', example: '7' },
      limit: { description: 'How many events there are in a page, at most; of lines, in all.', example: 200 },
    },
    answers: {
      200: {
        description: 'A page, or the whole as lines.',
        content: {
          ...json(
            is.object('A page.', {
              events: is.list('The events.', is.ref('Event')),
              next_after_revision: is.nullable(is.revision('Where the next page begins, where the oldest come first.')),
              next_cursor: is.nullable(is.text('For the next page; null: this is the last.', 'WyJhc2MiLCIyMDAiXQ')),
            }),
          ),
          'application/x-ndjson': LINES,
          'application/cloudevents-batch+json': is.list('A page.', CLOUD_EVENT),
        },
        headers: ['Link'],
      },
    },
    errors: ['malformedEvents', 'notInHistory', 'notAcceptable', 'damaged', 'tombstoned'],
  },
  'GET /api/v1/workflow/:execution_id/diff': {
    id: 'diffRevisions',
    tag: TAG,
    summary: 'What changed between two revisions',
    fields: {
      from: { description: 'The revision before the changes; by default 0.', example: '3' },
      to: { description: 'The last revision; by default the last there is.', example: '12' },
    },
    answers: {
      200: {
        description: 'The changes, and who made them.',
        content: json(
          is.object('The changes.', {
            from: is.revision('The revision before them.', '3'),
            to: is.revision('The last revision.'),
            changes: is.list(
              'Field by field.',
              is.object('A field.', {
                scope: is.choice('Of what.', ['execution', 'step']),
                step: STEP_NAME,
                field: is.text('Its name.', 'status'),
                from: is.anything('What it held.', 'running'),
                to: is.anything('What it holds.', 'completed'),
                times: is.integer('How many events changed it.', 1),
                changed_by: is.object('The event that left it so.', {
                  revision: is.revision('Its revision.'),
                  event_type: is.text('Its type.', 'StepCompleted'),
                  actor: is.nullable(is.ref('Actor')),
                  reason: is.nullable(is.text('Why.', 'The source data are being corrected')),
                  occurred_at: is.nullable(is.time('The time of the command.')),
                  recorded_at: is.time('The time of the log.'),
                }),
              }),
            ),
          }),
        ),
        headers: ['Cache-Control'],
      },
    },
    errors: ['malformedHistory', 'notInHistory', 'damaged', 'tombstoned'],
  },
  'GET /api/v1/workflow/:execution_id/compare/:other_id': {
    id: 'compareExecutions',
    tag: TAG,
    summary: 'Two runs beside each other',
    fields: {
      other_id: { description: 'The id of the other execution.', example: '0198f2d4-9e2a-7b11-8c33-6d5e4f3a2b10' },
    },
    answers: {
      200: {
        description: 'The two, step by step.',
        content: json(
          is.object('The comparison.', {
            a: is.object('The one.', run),
            b: is.object('The other.', run),
            first_difference: is.nullable(
              is.object('Where they part; null: nowhere.', {
                in: is.choice('In what.', ['definition', 'step', ...COMPARED], 'status'),
                step: STEP_NAME,
                a: is.anything('Of the one.', 'completed'),
                b: is.anything('Of the other.', 'failed'),
              }),
            ),
            steps: is.list(
              'In their order.',
              is.object('A step.', {
                step: is.text('Its name.', 'writing'),
                a: step,
                b: step,
                duration_difference_ms: is.nullable(is.integer('How much longer the other took.', -120, {})),
                differs: is.list('In what they differ.', is.choice('In what.', COMPARED)),
              }),
            ),
          }),
        ),
      },
    },
    errors: ['malformedHistory', 'notInHistory', 'damaged', 'tombstoned'],
  },
};
