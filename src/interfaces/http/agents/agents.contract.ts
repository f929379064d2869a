import { COMMAND_HEADERS } from '../contract/headers.js';
import type { Contract, Operation } from '../contract/operation.js';
import * as is from '../contract/schema.js';
import { json, type Schemas } from '../contract/schema.js';
import { AGENT_PATHS } from '../server/route-group.js';
import { MADE } from '../contract/shared.contract.js';

const TAG = 'Agents';
const PER_INSTANCE = ['running_calls', 'waiting_steps', 'limits', 'circuit'];
const ERROR_TYPES = ['transient', 'validation', 'fatal'];

export const AGENT_SCHEMAS: Schemas = {
  Agent: is.object('An agent, as the instance that answers sees it.', {
    name: is.text('Its name.', 'writer'),
    kind: is.choice('Where it runs.', ['http', 'function']),
    url: is.nullable(is.text('Its address, where it has one.', 'http://127.0.0.1:3000/api/v1/write')),
    headers: is.list(
      'Names of the headers that calls carry; the values are secrets.',
      is.text('A name.', 'Authorization'),
    ),
    signed: is.flag('Whether calls are signed.', false),
    running_calls: is.integer('Calls in flight, from this instance.', 2),
    waiting_steps: is.integer('Steps that wait for a call, at this instance.', 0),
    limits: is.object('What this instance allows itself.', {
      concurrent_calls: is.integer('Calls in flight at the same time.', 8),
      rate: is.nullable(
        is.object('Calls in a time; null: no limit.', {
          calls: is.integer('How many.', 100),
          window_ms: is.integer('In how long.', 1_000),
        }),
      ),
      circuit: is.object('When it stops calling for a while.', {
        failures: is.integer('After so many failures in a row.', 5),
        failure_percent: is.number('Or at that share of failures.', 50),
        min_calls: is.integer('Among so many calls, at least.', 10),
        window_ms: is.integer('Within that time.', 60_000),
        cool_down_ms: is.integer('For how long.', 30_000),
      }),
    }),
    circuit: is.object('Whether this instance calls it.', {
      state: is.choice('`open`: it does not.', ['closed', 'open', 'half_open']),
      since: is.nullable(is.time('Since when.')),
      next_trial_at: is.nullable(is.time('When one call is tried.')),
      recent_failures: is.integer('Failures that count at this moment.', 0),
    }),
    held: is.nullable(
      is.object('Who holds it on every instance, why and since when.', {
        by: is.ref('Actor'),
        reason: is.nullable(is.text('Why.', 'The model is being replaced')),
        since: is.time('Since when.'),
      }),
    ),
  }),
  AgentResult: {
    description: 'What an agent answers.',
    oneOf: [is.ref('AgentSuccess'), is.ref('AgentFailure')],
    examples: [{ success: true, data: { sections: 7 } }],
  },
  AgentSuccess: is.object(
    'The step is done.',
    {
      success: is.constant('It is done.', true),
      data: MADE.data,
    },
    MADE.optional,
  ),
  AgentFailure: is.object('The step could not be done.', {
    success: is.constant('It is not done.', false),
    error: is.object('Why.', {
      type: is.choice('`transient`: a repeat may succeed.', ERROR_TYPES),
      message: is.text('In a sentence.', 'The project has no data'),
      code: is.text('In a word.', 'MISSING_DATA'),
    }),
  }),
};

const held: Pick<Operation, 'answers' | 'errors' | 'headers' | 'tag' | 'fields'> = {
  tag: TAG,
  headers: COMMAND_HEADERS,
  fields: { name: { description: 'The name of the agent.', example: 'writer' } },
  answers: {
    200: {
      description: 'It is recorded, or was so already (`changed`).',
      content: json(
        is.object('What came of it.', {
          agent: is.nullable(is.ref('Agent', 'The agent after it.')),
          changed: is.flag('Whether anything changed.'),
          revision: is.nullable(is.revision('Of the last event that concerns the agent.', '0')),
          position: is.nullable(is.revision('The position of the event in the log.', '4711')),
        }),
      ),
    },
  },
  errors: ['malformedBody', 'notFound', 'executionConflict', 'tombstoned', 'keyReused', 'unavailableWrite'],
};

const SUMMARIES: Readonly<Record<string, readonly [string, string]>> = {
  regdata: ['enrichProject', 'The document agent that fetches the facts of a project'],
  composer: ['composeDocument', 'The document agent that plans the document'],
  writer: ['writeSections', 'The document agent that writes the sections'],
  validator: ['validateDocument', 'The document agent that checks the sections against the facts'],
  assembler: ['assembleDocument', 'The document agent that joins the sections'],
  export: ['exportDocument', 'The document agent that makes the files'],
};

const result = (description: string) => ({ description, content: { 'application/json': is.ref('AgentResult') } });

const resultOrError = (description: string) => ({
  description,
  content: {
    'application/json': { anyOf: [is.ref('AgentFailure'), is.ref('Error')] },
    'application/problem+json': is.ref('Problem'),
  },
});

const documentAgents: Contract = Object.fromEntries(
  Object.entries(AGENT_PATHS).map(([path, agent]): [string, Operation] => {
    const [id = agent, summary = agent] = SUMMARIES[agent] ?? [];
    return [
      `POST ${path}`,
      {
        id,
        tag: 'Document agents',
        summary,
        description:
          'For calls of this installation, unless `AGENT_ROUTES=open`. The body says which kind of failure a status of 422, 500 or 503 is.',
        fields: {
          step: { description: 'The step to do.', example: 'writing' },
          attempt: { description: 'Which attempt this is.', example: 1 },
          checkpoint: {
            description: 'What was made so far.',
            example: { last_completed_step: null, intermediate_results: {} },
          },
        },
        answers: {
          200: result('It is done.'),
          422: result('The input is not fit for it (`validation`).'),
          500: resultOrError('It failed for good (`fatal`), or the request met a fault on this side.'),
          503: resultOrError('It failed and may succeed later (`transient`), or the server takes no more.'),
        },
        errors: ['malformedBody', 'foreignCall', 'notFound'],
      },
    ];
  }),
);

export const AGENTS: Contract = {
  'GET /api/v1/workflow/agents': {
    id: 'listAgents',
    tag: TAG,
    summary: 'All agents',
    answers: {
      200: {
        description: 'Each of them.',
        content: json(
          is.object('The agents.', {
            agents: is.list('Each of them.', is.ref('Agent')),
            per_instance: is.list(
              'Members that are those of the instance that answers.',
              is.choice('A member.', PER_INSTANCE),
            ),
          }),
        ),
      },
    },
    errors: [],
  },
  'POST /api/v1/workflow/agents/:name/hold': {
    ...held,
    id: 'holdAgent',
    summary: 'Hold an agent',
    description: 'No instance calls a held agent; its steps wait and spend no retry.',
  },
  'POST /api/v1/workflow/agents/:name/release': {
    ...held,
    id: 'releaseAgent',
    summary: 'Release an agent',
    description: 'Instances call it again.',
  },
  ...documentAgents,
};
