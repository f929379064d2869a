/** Headers of requests and of answers. */
import { choice, text, type Schema } from './schema.js';

export const REQUEST_HEADERS = {
  'X-Request-Id': text(
    'Names the request in the log, and in the metadata of its events. Without it, and where it cannot be written there, the server makes one.',
    'order-4711',
    { maxLength: 128 },
  ),
  'Idempotency-Key': text(
    'Makes a repeated command safe: it gets the answer of the first. A key belongs to the principal that used it.',
    'start-metformin-2026-01-31',
    { pattern: '^[\\x21-\\x7e]{1,255}$' },
  ),
  'X-Actor-Type': choice('Whether a person or a program asks, where no credential proves it.', ['user', 'service']),
  traceparent: text(
    'The W3C trace context, kept in the metadata of the events. One that is malformed is ignored.',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  ),
  'X-CSRF-Token': text(
    'The token of the session, as `GET /auth/me` gives it: for writes that a cookie authenticates, and no others.',
    'q1w2e3r4t5y6u7i8o9p0',
  ),
  'If-Match': text(
    'The revision at which the command is to be carried out, in quotes, as the `ETag` of the execution has it; or `*`.',
    '"12"',
  ),
  'If-None-Match': text('The `ETag` of the answer that the caller has: 304 where it is still the same.', '"12"'),
  'Last-Event-ID': text(
    'The id of the last message that the client has: the stream goes on behind it. An EventSource sends it by itself.',
    '4711',
  ),
} as const satisfies Readonly<Record<string, Schema>>;
export type RequestHeader = keyof typeof REQUEST_HEADERS;

export const ANSWER_HEADERS = {
  'X-Request-Id': text('Under this id the log has the request.', 'order-4711'),
  'Cache-Control': text(
    'Whether a cache may keep the answer. What no event can change any more is immutable.',
    'private, no-cache',
  ),
  ETag: text('The version of the answer, for `If-None-Match`.', '"12"'),
  Location: text('Where to read what was made.', '/api/v1/workflow?execution_id=0198f2d4-6c1e-7a30-9b57-3f1c8a2d4e60'),
  Link: text(
    'The next page, where there is one.',
    '</api/v1/workflow/executions?cursor=WyJhc2MiLCIyMDAiXQ>; rel="next"',
  ),
  'Content-Disposition': text('The name of the file.', 'attachment; filename="brochure.pdf"'),
  'Retry-After': text('Seconds after which the caller may repeat the request.', '1', { pattern: '^\\d+$' }),
  'WWW-Authenticate': text('Which kind of credential counts.', 'Bearer'),
} as const satisfies Readonly<Record<string, Schema>>;
export type AnswerHeader = keyof typeof ANSWER_HEADERS;

/** Of commands, which are recorded with their caller. */
export const COMMAND_HEADERS: readonly RequestHeader[] = ['Idempotency-Key', 'X-Actor-Type', 'traceparent'];
