import type { Contract } from '../contract/operation.js';
import * as is from '../contract/schema.js';
import type { Schemas } from '../contract/schema.js';
import { MADE } from '../contract/shared.contract.js';

export const TASK_SCHEMAS: Schemas = {
  Heartbeat: is.object(
    'The agent still works.',
    { type: is.constant('The kind of report.', 'heartbeat') },
    {
      percent: is.number('How far it is.', 40, { minimum: 0, maximum: 100 }),
      message: is.text('What it does.', 'Section 3 of 7'),
    },
  ),
  Completion: is.object(
    'The step is done; the fields are those of a direct answer.',
    {
      type: is.constant('The kind of report.', 'complete'),
      data: MADE.data,
    },
    MADE.optional,
  ),
  Failure: is.object(
    'The step could not be done.',
    {
      type: is.constant('The kind of report.', 'fail'),
      error: is.object('Why.', {
        type: is.choice('`transient`: a repeat may succeed.', ['transient', 'validation', 'fatal']),
        message: is.text('In a sentence.', 'The model is overloaded'),
        code: is.text('In a word.', 'MODEL_BUSY'),
      }),
    },
    { retry_after_ms: is.number('When to try again.', 30_000) },
  ),
};

export const TASKS: Contract = {
  'POST /api/v1/workflow/tasks/:token': {
    id: 'reportTask',
    tag: 'Agents',
    summary: 'Report on a task',
    description:
      'For an agent that answered `202`: heartbeat, complete or fail. The token in the path is the credential.',
    headers: ['traceparent'],
    fields: {
      token: { description: 'The task token of the attempt.', example: 'wt_MDE5OGYyZDQ', schema: { type: 'string' } },
    },
    body: {
      description: 'The report.',
      oneOf: [is.ref('Heartbeat'), is.ref('Completion'), is.ref('Failure')],
      discriminator: {
        propertyName: 'type',
        mapping: {
          heartbeat: '#/components/schemas/Heartbeat',
          complete: '#/components/schemas/Completion',
          fail: '#/components/schemas/Failure',
        },
      },
      examples: [{ type: 'heartbeat', percent: 40, message: 'Section 3 of 7' }],
    },
    answers: {
      200: {
        description: 'It is taken.',
        content: {
          'application/json': is.envelope(
            is.object(
              'Whether the agent is to go on.',
              {
                continue: is.flag('False: nothing more is expected.'),
              },
              {
                deadline_at: is.nullable(is.time('When the attempt times out.')),
                heartbeat_due_at: is.nullable(
                  is.time('When the agent has to report again; null: only the deadline counts.'),
                ),
              },
            ),
          ),
        },
      },
    },
    errors: ['malformedReport', 'notFound', 'executionConflict', 'attemptOver', 'unavailableWrite'],
  },
};
