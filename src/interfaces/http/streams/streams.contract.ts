import type { Contract } from '../contract/operation.js';
import type { Schema } from '../contract/schema.js';

const TAG = 'Streams';

const MESSAGES: Schema = {
  type: 'string',
  contentMediaType: 'text/event-stream',
  description:
    'Messages `snapshot` (`reason`, `execution` with `steps`, or `executions`), `event` and `left` (`event`, `execution`, `steps`), `end` (`reason`) and `closing` (`reason`, `message`), each with JSON as its data. The id of a message is a position of the log.',
  examples: ['retry: 3000\n\nid: 4711\nevent: end\ndata: {"reason":"completed"}\n\n'],
};
const LAST = {
  last_event_id: {
    description: 'As the header `Last-Event-ID`, which wins.',
    example: '4711',
  },
};

export const STREAMS: Contract = {
  'GET /api/v1/workflow/stream': {
    id: 'streamExecutions',
    tag: TAG,
    summary: 'Many executions, as they happen',
    headers: ['Last-Event-ID'],
    fields: {
      ...LAST,
      project_id: { description: 'Of that project alone.' },
      state: { description: 'In that state alone.', example: 'paused' },
    },
    answers: { 200: { description: 'It has no end.', content: { 'text/event-stream': MESSAGES } } },
    errors: ['malformedStream', 'foreignOrigin', 'notAcceptable', 'unavailableStream'],
  },
  'GET /api/v1/workflow/:execution_id/stream': {
    id: 'streamExecution',
    tag: TAG,
    summary: 'One execution, as it happens',
    headers: ['Last-Event-ID'],
    fields: LAST,
    answers: {
      200: { description: 'Until the execution ends.', content: { 'text/event-stream': MESSAGES } },
      204: { description: 'The client has the end already: it need not come again.' },
    },
    errors: ['foreignOrigin', 'notFound', 'notAcceptable', 'damaged', 'tombstoned', 'unavailableStream'],
  },
};
