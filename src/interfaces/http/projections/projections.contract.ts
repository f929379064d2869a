import { COMMAND_HEADERS } from '../contract/headers.js';
import type { Contract, Operation } from '../contract/operation.js';
import * as is from '../contract/schema.js';
import { json, type Schemas } from '../contract/schema.js';

const TAG = 'Read tables';
const REBUILD_ID = '0198f2e0-44c1-7b6a-8e2f-9d0c1b3a5e72';
const REASON = is.text('Why.', 'The mapping was mended');
const NAME = is.text('The name of the projection.', 'workflow_steps');
const POSITION = is.revision('A position of the log.', '4711');
const PHASES = ['building', 'refused', 'accepted', 'swapped', 'rolling_back', 'rolled_back', 'abandoned'];
const sample = (kinds: readonly string[]) =>
  is.list(
    'Some of them.',
    is.object('A row.', {
      kind: is.choice('What is different.', kinds),
      key: is.open('Its primary key.', { id: is.EXECUTION_ID }),
      columns: is.list('The columns that differ.', is.open('A column, and its values.', { name: 'status' })),
    }),
  );

const atEvent = {
  execution_id: is.text('The execution.', is.EXECUTION_ID),
  position: POSITION,
};
const heldEvent = {
  ...atEvent,
  revision: is.revision('The revision of the event.'),
  event_id: is.text('The id of the event.', '0198f2d4-6c20-7d41-8a11-0c2f9b7d5e13'),
  error: is.text('What went wrong with it.', 'Column status is too long'),
};
const asked = is.object('Who, and why.', { actor: is.ref('Actor'), reason: is.nullable(REASON) });

export const PROJECTION_SCHEMAS: Schemas = {
  ProjectionOrder: is.object('What an operator wants done with an execution that is held back.', {
    id: is.text('The id of the order.', REBUILD_ID),
    projection: NAME,
    execution_id: is.text('The execution.', is.EXECUTION_ID),
    action: is.choice('What.', ['retry', 'skip']),
    revision: is.revision('Of the event that held it back.'),
    actor: is.ref('Actor'),
    reason: REASON,
    placed_at: is.time('When it was ordered.'),
    done_at: is.nullable(is.time('When it was carried out.')),
    outcome: is.nullable(is.text('What came of it.', 'retried')),
  }),
  Proposal: is.object('What one person has asked for, and another has to ask for as well.', {
    action: is.text('What.', 'drop-previous'),
    confirmation_by: is.constant('Who has to confirm it.', 'another person'),
    proposed_by: is.ref('Actor'),
    reason: is.nullable(REASON),
    proposed_at: is.time('When.'),
    expires_at: is.time('When it counts for nothing.'),
  }),
  Rebuild: is.object(
    'The latest rebuild of a read table.',
    {
      id: is.text('The id of the rebuild.', REBUILD_ID),
      projection: NAME,
      phase: is.choice('How far it is.', PHASES),
      require: is.choice('`zero-diff`: it is not swapped by itself where rows differ.', ['zero-diff', 'none']),
      cause: is.choice('Why it was asked for.', ['operator', 'version']),
      version: is.integer('Of the mapping.', 3),
      requested_at: is.time('When.'),
      requested_by: is.ref('Actor'),
      reason: is.nullable(REASON),
      approved_by: is.nullable(asked),
      building: is.nullable(
        is.object('How far the new table is.', {
          position: is.nullable(POSITION),
          events: is.integer('Events that were read.', 12_000),
          build_ms: is.integer('How long that took.', 900),
          events_per_second: is.nullable(is.integer('How fast it goes.', 13_333)),
        }),
      ),
      comparison: is.nullable(
        is.object('The rebuilt table beside the live one.', {
          position: POSITION,
          rows_live: is.integer('Rows in the live one.', 700),
          rows_rebuilt: is.integer('Rows in the rebuilt one.', 700),
          added: is.integer('Rows that only the rebuilt one has.', 0),
          removed: is.integer('Rows that only the live one has.', 0),
          changed: is.integer('Rows with other contents.', 0),
          samples: sample(['added', 'removed', 'changed']),
          events: is.integer('Events that were read.', 12_000),
          build_ms: is.number('How long that took.', 900),
          compare_ms: is.number('How long the comparison took.', 40),
          compared_at: is.nullable(is.time('When.')),
        }),
      ),
      position: is.nullable(POSITION),
      ended_at: is.nullable(is.time('When it ended.')),
      allowed_actions: is.list(
        'What may be asked for now.',
        is.choice('An action.', ['rebuild', 'approve', 'abandon', 'rollback', 'drop-previous']),
      ),
    },
    { awaiting: is.ref('Proposal') },
  ),
  Projection: is.object('A read table, and how it stands beside the log.', {
    name: NAME,
    state: is.choice('In a word.', ['not_started', 'degraded', 'catching_up', 'following', 'stopped'], 'following'),
    leader: is.choice('Which instance writes it.', ['here', 'elsewhere', 'none']),
    version: is.object('Of the mapping.', {
      of_table: is.nullable(is.integer('That made the table.', 3)),
      of_program: is.integer('That this program has.', 3),
    }),
    position: is.nullable(POSITION),
    head: is.nullable(POSITION),
    lag: is.object('How far the log is ahead.', {
      events: is.integer('In events.', 0),
      events_counted: is.flag('False: too many to be counted, so it is an estimate.'),
      seconds: is.number('In time.', 0),
    }),
    events_per_second: is.nullable(is.number('Over the last minute.', 120.5)),
    last_event_at: is.nullable(is.time('Of the last event in the table.')),
    updated_at: is.nullable(is.time('When the table was written last.')),
    last_rebuild: is.nullable(is.ref('Rebuild')),
    previous_kept: is.flag('Whether the table before the latest swap is still there.', false),
    poisoned_count: is.integer('Executions that are held back.', 0),
    poisoned: is.list('Some of them.', is.object('An execution.', { ...heldEvent, since: is.time('Since when.') })),
    skipped_count: is.integer('Events that an operator had skipped.', 0),
    skipped: is.list(
      'Some of them.',
      is.object('An event.', {
        ...heldEvent,
        skipped_at: is.time('When.'),
        actor: is.ref('Actor'),
        reason: is.nullable(REASON),
      }),
    ),
    drifted_count: is.integer('Executions whose rows are not those of their events.', 0),
    drifted: is.list(
      'Some of them.',
      is.object('An execution.', {
        ...atEvent,
        differences: is.integer('Rows that differ.', 1),
        samples: sample(['missing', 'unexplained', 'changed', 'unreadable']),
        found_at: is.time('When.'),
      }),
    ),
    orders: is.list('The latest orders.', is.ref('ProjectionOrder')),
  }),
};

const ordered = (id: string, summary: string, description: string): Operation => ({
  id,
  tag: TAG,
  summary,
  description,
  headers: COMMAND_HEADERS,
  fields: {
    name: { description: 'The name of the projection.', example: 'workflow_steps' },
    id: { description: 'The id of the rebuild.', example: REBUILD_ID },
    reason: { description: 'Why.', example: 'The mapping was mended' },
  },
  answers: {
    202: {
      description: 'The order is in the log; the leader carries it out.',
      content: json(is.object('The rebuild.', { rebuild: is.nullable(is.ref('Rebuild')) })),
    },
  },
  errors: ['malformedBody', 'notFound', 'dutiesDamaged', 'tombstoned', 'keyReused', 'unavailableWrite'],
});

const ROUTE = '/api/v1/admin/projections';
const named = { name: { description: 'The name of the projection.', example: 'workflow_steps' } };

export const PROJECTIONS: Contract = {
  [`GET ${ROUTE}`]: {
    id: 'listProjections',
    tag: TAG,
    summary: 'All read tables',
    answers: {
      200: {
        description: 'Each of them.',
        content: json(is.object('The tables.', { projections: is.list('Each of them.', is.ref('Projection')) })),
      },
    },
    errors: ['damaged', 'tombstoned'],
  },
  [`GET ${ROUTE}/:name`]: {
    id: 'getProjection',
    tag: TAG,
    summary: 'One read table',
    fields: named,
    answers: {
      200: {
        description: 'With up to 1,000 rows of each list.',
        content: json(is.object('The table.', { projection: is.nullable(is.ref('Projection')) })),
      },
    },
    errors: ['notFound', 'damaged', 'tombstoned'],
  },
  [`POST ${ROUTE}/:name/poisoned/:execution_id`]: {
    id: 'treatPoison',
    tag: TAG,
    summary: 'Retry or skip the event that holds an execution back',
    headers: COMMAND_HEADERS,
    fields: {
      ...named,
      action: { description: '`skip` takes two persons.', example: 'retry' },
      execution_id: { description: 'The execution as its stream names it.' },
    },
    answers: {
      202: {
        description: 'It is ordered, or another person has to ask for it as well.',
        content: json(
          is.object(
            'The order.',
            { order: is.nullable(is.ref('ProjectionOrder')) },
            {
              awaiting: is.nullable(is.ref('Proposal')),
            },
          ),
        ),
      },
    },
    errors: ['malformedBody', 'notFound', 'dutiesDamaged', 'tombstoned', 'keyReused', 'unavailableWrite'],
  },
  [`POST ${ROUTE}/:name/rebuilds`]: {
    ...ordered('requestRebuild', 'Rebuild a read table beside the live one', 'With the name `all`: every table.'),
    fields: {
      name: { description: 'The name of the projection, or `all`.', example: 'workflow_steps' },
      require: {
        description: '`zero-diff` (default): it is not swapped by itself where rows differ.',
        example: 'zero-diff',
      },
    },
    answers: {
      202: {
        description: 'It is in the log.',
        content: json(
          is.object(
            'The rebuild, or one for each table.',
            {},
            {
              rebuild: is.nullable(is.ref('Rebuild')),
              rebuilds: is.list(
                'For each table.',
                is.object('A table.', {
                  projection: NAME,
                  rebuild: is.nullable(is.ref('Rebuild')),
                  refusal: is.nullable(
                    is.text('Why it cannot be rebuilt now.', 'Cannot rebuild while the rebuild is building'),
                  ),
                }),
              ),
            },
          ),
        ),
        headers: ['Location'],
      },
    },
  },
  [`GET ${ROUTE}/:name/rebuilds/:id`]: {
    id: 'getRebuild',
    tag: TAG,
    summary: 'The report of a rebuild',
    fields: { ...named, id: { description: 'The id of the rebuild.', example: REBUILD_ID } },
    answers: {
      200: {
        description: 'The report.',
        content: json(is.object('The rebuild.', { rebuild: is.nullable(is.ref('Rebuild')) })),
      },
    },
    errors: ['notFound', 'damaged', 'tombstoned'],
  },
  [`POST ${ROUTE}/:name/rebuilds/:id/approve`]: ordered(
    ...(['approveRebuild', 'Approve a rebuild that differs', 'Another person than the one who asked for it.'] as const),
  ),
  [`POST ${ROUTE}/:name/rebuilds/:id/abandon`]: ordered(
    'abandonRebuild',
    'Abandon a rebuild',
    'Nothing is left of it.',
  ),
  [`POST ${ROUTE}/:name/rollback`]: ordered(
    ...([
      'rollBackRebuild',
      'Take the latest swap back',
      'The table before it is brought up to date and takes its place.',
    ] as const),
  ),
  [`POST ${ROUTE}/:name/drop-previous`]: ordered(
    ...(['dropPreviousTable', 'Drop the table before the latest swap', 'It takes two persons.'] as const),
  ),
};
