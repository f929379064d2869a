import { COMMAND_ERRORS } from '../contract/errors.js';
import { COMMAND_HEADERS } from '../contract/headers.js';
import type { Contract, Operation } from '../contract/operation.js';
import * as is from '../contract/schema.js';
import { json, type Schemas } from '../contract/schema.js';
import { PROJECTS } from '../contract/shared.contract.js';

const TAG = 'Webhooks';
const ID = '0198f2e3-2f1b-7c80-b6d4-1e9a7c5b3d20';
const DELIVERY_ID = '0198f2e4-8a6d-7e31-9f05-4c2b6d8e0a17';
const SECRET = is.text('The secret: this answer alone shows it.', 'whsec_bm90IGEgc2VjcmV0');

export const WEBHOOK_SCHEMAS: Schemas = {
  Webhook: is.object(
    'A subscription to events.',
    {
      id: is.uuid('The id of the webhook.', ID),
      url: is.text('The address, without its query.', 'https://hooks.example.com/workflow'),
      description: is.nullable(is.text('For people.', 'Ticket system')),
      event_types: is.list(
        'These alone; none: all.',
        is.text('A type, or the beginning of types with `*` behind.', 'Workflow*'),
      ),
      project_id: is.nullable(is.text('Of that project alone.', 'metformin')),
      execution_id: is.nullable(is.uuid('Of that execution alone.')),
      status: is.choice('Whether it is sent anything.', ['enabled', 'disabled']),
      disabled: is.nullable(
        is.object('Why it is not.', {
          cause: is.text('In a word.', 'operator'),
          reason: is.nullable(is.text('Why.', 'The receiver moves')),
          by: is.ref('Actor'),
          since: is.time('Since when.'),
        }),
      ),
      secrets: is.list(
        'That sign its deliveries.',
        is.object('A secret, which is not shown.', {
          id: is.text('Its id.', '0198f2e3-2f1b-7c80-b6d4-1e9a7c5b3d21'),
          created_at: is.time('When it was made.'),
          expires_at: is.nullable(is.time('When it ends.')),
        }),
      ),
      queued: is.integer('Deliveries that wait.', 0),
      last_delivered_at: is.nullable(is.time('When one arrived last.')),
      created_by: is.ref('Actor'),
      created_at: is.time('When it was made.'),
      revision: is.revision('Of the last event that concerns it.', '0'),
    },
    { projects: PROJECTS },
  ),
  Delivery: is.object('An event that a subscriber was sent, is being sent, or waits for.', {
    id: is.uuid('The id of the delivery.', DELIVERY_ID),
    webhook_id: is.uuid('The webhook.', ID),
    execution_id: is.nullable(is.uuid('The execution; null: a test.')),
    event_id: is.text('The event.', '0198f2d4-6c20-7d41-8a11-0c2f9b7d5e13'),
    event_type: is.text('Its type.', 'WorkflowCompleted'),
    position: is.revision('Its position in the log.', '4711'),
    revision: is.revision('Its place in the history.'),
    state: is.choice('How it stands.', ['pending', 'delivered', 'failed']),
    attempts: is.integer('How often it was tried.', 1),
    status_code: is.nullable(is.integer('What the receiver answered last.', 200)),
    duration_ms: is.nullable(is.integer('How long that took.', 35)),
    error: is.nullable(is.text('What went wrong last.', 'ECONNREFUSED')),
    response_excerpt: is.nullable(is.text('The beginning of the answer.', 'ok')),
    created_at: is.time('When it was queued.'),
    first_attempt_at: is.nullable(is.time('When it was tried first.')),
    last_attempt_at: is.nullable(is.time('When it was tried last.')),
    next_attempt_at: is.nullable(is.time('When it is tried again.')),
    finished_at: is.nullable(is.time('When it arrived, or was given up.')),
  }),
};

const outcome = {
  id: is.uuid('The id of the webhook.', ID),
  webhook: is.nullable(
    is.ref('Webhook', 'Null where it was deleted, or the change has not come through within two seconds.'),
  ),
  changed: is.flag('Whether anything changed.'),
  position: is.nullable(is.revision('The position of the event in the log.', '4711')),
};

const fields = {
  id: { description: 'The id of the webhook.', example: ID },
  delivery_id: { description: 'The id of the delivery.', example: DELIVERY_ID },
};

const controlled = (id: string, summary: string, description: string, status = 200): Operation => ({
  id,
  tag: TAG,
  summary,
  description,
  headers: COMMAND_HEADERS,
  fields,
  answers: { [status]: { description: 'It is recorded.', content: json(is.object('What came of it.', outcome)) } },
  errors: COMMAND_ERRORS,
});

const ROUTE = '/api/v1/workflow/webhooks';

export const WEBHOOKS: Contract = {
  [`POST ${ROUTE}`]: {
    id: 'createWebhook',
    tag: TAG,
    summary: 'Make a webhook',
    headers: COMMAND_HEADERS,
    fields: {
      url: { description: 'Where events are sent to.', example: 'https://hooks.example.com/workflow?token=1' },
      description: { description: 'For people.', example: 'Ticket system' },
      event_types: { description: 'These alone, or beginnings with `*` behind; none: all.', example: ['Workflow*'] },
      project_id: { description: 'Of that project alone.' },
      execution_id: { description: 'Of that execution alone.' },
    },
    answers: {
      201: {
        description: 'It is made. The answer to a repeat shows the same secret.',
        content: json(is.object('The webhook and its secret.', { ...outcome, secret: SECRET })),
        headers: ['Location'],
      },
    },
    errors: ['malformedWebhook', 'notFound', 'executionConflict', 'tombstoned', 'keyReused', 'unavailableWrite'],
  },
  [`GET ${ROUTE}`]: {
    id: 'listWebhooks',
    tag: TAG,
    summary: 'All webhooks',
    answers: {
      200: {
        description: 'Oldest first.',
        content: json(is.object('The webhooks.', { webhooks: is.list('Each of them.', is.ref('Webhook')) })),
      },
    },
    errors: [],
  },
  [`GET ${ROUTE}/:id`]: {
    id: 'getWebhook',
    tag: TAG,
    summary: 'One webhook',
    fields,
    answers: {
      200: {
        description: 'The webhook.',
        content: json(is.object('It.', { webhook: is.nullable(is.ref('Webhook')) })),
      },
    },
    errors: ['notFound'],
  },
  [`DELETE ${ROUTE}/:id`]: controlled('deleteWebhook', 'End a webhook', 'What waits is not sent any more.'),
  [`POST ${ROUTE}/:id/enable`]: controlled('enableWebhook', 'Enable a webhook', 'Events are queued and sent again.'),
  [`POST ${ROUTE}/:id/disable`]: controlled('disableWebhook', 'Disable a webhook', 'Nothing is queued from then on.'),
  [`POST ${ROUTE}/:id/test`]: controlled(
    'testWebhook',
    'Deliver a test',
    'A `WebhookTested`, delivered like any event.',
    202,
  ),
  [`POST ${ROUTE}/:id/secrets`]: {
    id: 'rotateWebhookSecret',
    tag: TAG,
    summary: 'Make a new secret',
    headers: COMMAND_HEADERS,
    fields,
    answers: {
      201: {
        description: 'It is made.',
        content: json(
          is.object('The secret.', {
            ...outcome,
            secret_id: is.text('The id of the secret.', '0198f2e3-2f1b-7c80-b6d4-1e9a7c5b3d21'),
            secret: SECRET,
          }),
        ),
      },
    },
    errors: ['malformedSecret', ...COMMAND_ERRORS],
  },
  [`GET ${ROUTE}/:id/deliveries`]: {
    id: 'listDeliveries',
    tag: TAG,
    summary: 'What was sent, waits or failed',
    fields: { ...fields, state: { description: 'In that state alone.', example: 'failed' } },
    answers: {
      200: {
        description: 'The latest events first.',
        content: json(
          is.object('A page.', {
            deliveries: is.list('The deliveries.', is.ref('Delivery')),
            next_cursor: is.nullable(is.text('For the next page; null: this is the last.', 'WyJhc2MiLCIyMDAiXQ')),
          }),
        ),
      },
    },
    errors: ['malformedCursor', 'notFound'],
  },
  [`POST ${ROUTE}/:id/deliveries/:delivery_id/redeliver`]: {
    id: 'redeliver',
    tag: TAG,
    summary: 'Send a delivery once more',
    fields,
    answers: {
      202: {
        description: 'It is queued.',
        content: json(is.object('The delivery.', { delivery: is.ref('Delivery') })),
      },
    },
    errors: ['malformedBody', 'notFound', 'executionConflict', 'unavailableWrite'],
  },
};
