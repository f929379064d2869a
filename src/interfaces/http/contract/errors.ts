/** Errors of the API, in groups as routes answer them: a status and its codes. */
import type { AnswerHeader } from './headers.js';
import { EXECUTION_ID } from './schema.js';

export type ErrorGroup = Readonly<{
  status: number;
  codes: readonly string[];
  description: string;
  /** Of an error of the first code. */
  message: string;
  details?: unknown;
  headers?: readonly AnswerHeader[];
}>;

export const PROBLEMS = [{ field: 'execution_id', expected: 'a UUID', received: '"4711"' }];

const group = (
  status: number,
  codes: readonly string[],
  description: string,
  message: string,
  more: Pick<ErrorGroup, 'details' | 'headers'> = {},
): ErrorGroup => ({ status, codes, description, message, ...more });

const malformed = (description: string, ...codes: readonly string[]) =>
  group(
    400,
    ['INVALID_REQUEST', ...codes],
    `The request is malformed: the message says what the route expected and what came. ${description}`.trim(),
    'execution_id: expected a UUID, got "4711"',
    { details: PROBLEMS },
  );

const BODY = 'MALFORMED_JSON';

const CREDENTIALS = 'Credentials: expected an API key or a token in Authorization: Bearer, got none';

const SERVER_BUSY = ['NOT_READY', 'EVENT_LOG_UNAVAILABLE', 'LOG_MISMATCH', 'TOO_MANY_WAITING', 'TOO_MANY_CONNECTIONS'];
const unavailable = (description: string, ...codes: readonly string[]) =>
  group(
    503,
    [...SERVER_BUSY, ...codes],
    `The log or the database is away, or too much waits: the caller repeats the request as \`Retry-After\` asks. ${description}`.trim(),
    'The event log does not answer: the request was not carried out; repeat it under the same Idempotency-Key',
    { details: { outcome: 'not_carried_out' }, headers: ['Retry-After'] },
  );

const damaged = (description: string, ...codes: readonly string[]) => {
  const [message, details] = codes.length > 0 ? REJECTED : GAP;
  return group(
    409,
    [...codes, 'HISTORY_DAMAGED', 'HISTORY_UNREADABLE'],
    `${description} \`HISTORY_DAMAGED\` and \`HISTORY_UNREADABLE\`: the history of the execution is not whole.`.trim(),
    message,
    { details },
  );
};
const REJECTED = [
  'The execution is completed: it cannot be paused',
  { current_state: 'completed', allowed_actions: [] },
] as const;
const GAP = [
  `The history of workflow-${EXECUTION_ID} is not whole: a revision is missing`,
  { stream: `workflow-${EXECUTION_ID}`, damage: 'gap' },
] as const;

export const ERRORS = {
  malformed: malformed(''),
  malformedBody: malformed('`MALFORMED_JSON`: the body is no JSON.', BODY),
  malformedCursor: malformed('`INVALID_CURSOR`: the cursor is of another list.', 'INVALID_CURSOR'),
  malformedHistory: malformed('`HISTORY_TOO_LONG`: it has more events than this route reads.', 'HISTORY_TOO_LONG'),
  malformedEvents: malformed(
    '`UNKNOWN_EVENT_TYPES`: no event has such a type; `INVALID_CURSOR`: the cursor is of another list.',
    'INVALID_CURSOR',
    'UNKNOWN_EVENT_TYPES',
  ),
  malformedOrder: malformed('`REASON_REQUIRED`: this installation wants to know why.', BODY, 'REASON_REQUIRED'),
  malformedReview: malformed(
    '`REVISION_BEYOND_END`: the history does not reach so far; `TOO_MANY_REVIEWS`: the execution has as many as it may have.',
    BODY,
    'REVISION_BEYOND_END',
    'TOO_MANY_REVIEWS',
    'HISTORY_TOO_LONG',
  ),
  malformedList: malformed(
    '`UNKNOWN_STATE`: neither a definition nor an execution has such a state; `INVALID_CURSOR`: the cursor is of another list.',
    'INVALID_CURSOR',
    'UNKNOWN_STATE',
  ),
  malformedStream: malformed(
    '`UNKNOWN_STATE`: neither a definition nor an execution has such a state.',
    'UNKNOWN_STATE',
  ),
  malformedStart: malformed('`UNKNOWN_DOCUMENT_TYPE`: no definition is for it.', BODY, 'UNKNOWN_DOCUMENT_TYPE'),
  malformedSignature: malformed(
    '`REVISION_BEYOND_END`: the history does not reach so far; `PRINTED_NAME_MISSING`: the provider names no name to print.',
    BODY,
    'REVISION_BEYOND_END',
    'PRINTED_NAME_MISSING',
    'HISTORY_TOO_LONG',
  ),
  malformedArtifact: malformed('`NOT_A_PDF`: signatures are printed on a page of a PDF.', 'NOT_A_PDF'),
  malformedSecret: malformed('`TOO_MANY_SECRETS`: the webhook has as many as it may have.', BODY, 'TOO_MANY_SECRETS'),
  malformedReport: malformed('`INVALID_REPORT`: it is none of heartbeat, complete, fail.', BODY, 'INVALID_REPORT'),
  malformedPack: malformed('`AUDIT_PACK_TOO_LARGE`: the pack would be.', 'AUDIT_PACK_TOO_LARGE', 'HISTORY_TOO_LONG'),
  malformedWebhook: malformed(
    '`TARGET_NOT_ALLOWED`: the address is none that is sent to; `TOO_MANY_WEBHOOKS`: there are as many as there may be; `UNKNOWN_EVENT_TYPES`: no event has such a type.',
    BODY,
    'TARGET_NOT_ALLOWED',
    'TOO_MANY_WEBHOOKS',
    'UNKNOWN_EVENT_TYPES',
  ),
  unauthenticated: group(
    401,
    ['CREDENTIALS_MISSING', 'CREDENTIALS_REFUSED'],
    'No credential, or one that does not count, with the rule that it broke.',
    CREDENTIALS,
    { headers: ['WWW-Authenticate'] },
  ),
  freshSignIn: group(
    401,
    ['FRESH_SIGN_IN_REQUIRED', 'CREDENTIALS_MISSING', 'CREDENTIALS_REFUSED'],
    'No credential that counts; or the signer has to sign in anew, for this signature.',
    'A new sign-in is needed to sign this',
    { details: { sign_in_at: '/auth/sign-in?fresh=1&for=sign' }, headers: ['WWW-Authenticate'] },
  ),
  forbidden: group(
    403,
    ['FORBIDDEN', 'CSRF'],
    'The caller does not hold the `permission` in `details`. `CSRF`: a write with a cookie did not come from a page of this installation.',
    'executions.start: user ann does not hold this permission',
    { details: { permission: 'executions.start' } },
  ),
  foreignOrigin: group(
    403,
    ['FORBIDDEN'],
    'The caller does not hold the `permission` in `details`; or a page of another origin follows the stream.',
    'executions.read: user ann does not hold this permission',
    { details: { permission: 'executions.read' } },
  ),
  foreignCall: group(
    403,
    ['FORBIDDEN'],
    'It is no call of this installation.',
    'The document agents: expected a call of this installation, got another.',
  ),
  notFound: group(
    404,
    ['NOT_FOUND'],
    'There is none of that id, or none that the caller may see.',
    `There is no execution ${EXECUTION_ID}`,
  ),
  notInHistory: group(
    404,
    ['NOT_FOUND', 'NOT_IN_HISTORY'],
    'There is no such execution, or none that the caller may see. `NOT_IN_HISTORY`: it had not begun at that moment.',
    `There is no execution ${EXECUTION_ID}`,
  ),
  notAcceptable: group(
    406,
    ['NOT_ACCEPTABLE'],
    'The caller accepts none of the media types on offer.',
    'Accept: expected one of application/json, application/x-ndjson',
    { details: { offered: ['application/json', 'application/x-ndjson'] } },
  ),
  dutiesDamaged: damaged(
    'The state does not allow it. `SEPARATION_OF_DUTIES`: another person has to do it.',
    ...['CONFLICT', 'SEPARATION_OF_DUTIES'],
  ),
  damaged: damaged(''),
  executionConflict: damaged('The state does not allow it; `details` say what is allowed.', 'CONFLICT'),
  packConflict: damaged('`AUDIT_PACK_REFUSED`: the stored tree refuses the pack.', 'AUDIT_PACK_REFUSED'),
  tombstoned: group(
    410,
    ['STREAM_TOMBSTONED'],
    "The event store's operator has tombstoned the stream: its events can neither be read nor added to.",
    'The event store was made to end stream workflow-0198f2d4 for ever: its events can neither be read nor added to',
    { details: { stream: 'workflow-0198f2d4-6c1e-7a30-9b57-3f1c8a2d4e60', damage: 'tombstoned' } },
  ),
  attemptOver: group(
    410,
    ['ATTEMPT_OVER', 'STREAM_TOMBSTONED'],
    'The attempt is over: nothing more is expected of its agent.',
    'The attempt is over: the execution was cancelled',
    { details: { continue: false, reason: 'cancelled' } },
  ),
  otherRevision: group(
    412,
    ['REVISION_MISMATCH'],
    'The execution is at another revision than `If-Match` names.',
    'If-Match: expected revision 12, the execution is at 13',
    { details: { actual_revision: '13' } },
  ),
  tooLarge: group(
    413,
    ['BODY_TOO_LARGE', 'EVENT_TOO_LARGE'],
    'The body, its members, or the event that it would become are over their limit.',
    'body: expected at most 1048576 bytes, got 2097152',
    { details: [{ field: 'body', expected: 'at most 1048576 bytes', received: '2097152' }] },
  ),
  metadataTooLarge: group(
    413,
    ['METADATA_TOO_LARGE', 'BODY_TOO_LARGE', 'EVENT_TOO_LARGE'],
    'The metadata, the body, its members, or the event that it would become are over their limit.',
    'metadata: expected at most 65536 bytes as JSON, got 70000',
    { details: [{ field: 'metadata', expected: 'at most 65536 bytes as JSON', received: '70000' }] },
  ),
  unsupported: group(
    415,
    ['UNSUPPORTED_MEDIA_TYPE'],
    'The body is not announced as JSON in UTF-8, uncompressed.',
    'Content-Type: expected application/json, got "text/plain"',
  ),
  unknownHost: group(
    421,
    ['UNKNOWN_HOST'],
    'The server does not answer under the name in `Host` (`ALLOWED_HOSTS`).',
    'Host: expected a name of this installation, got "elsewhere.example"',
  ),
  keyReused: group(
    422,
    ['IDEMPOTENCY_KEY_REUSED'],
    'The `Idempotency-Key` was used before, for another body.',
    'Idempotency-Key: was used before for another request; use a new one',
  ),
  tooMany: group(
    429,
    ['TOO_MANY_REQUESTS'],
    'The caller asks for more than one client may; `details.limit` names the limit.',
    'requests_per_principal: expected at most 50 a second, got more; come again in 1 s',
    { details: { limit: 'requests_per_principal', allowed: 50, per_seconds: 1 }, headers: ['Retry-After'] },
  ),
  internal: group(
    500,
    ['INTERNAL_ERROR', 'EVENT_LOG_REFUSED'],
    'A fault on this side, which its log has under the request id. `EVENT_LOG_REFUSED`: an operator has to look.',
    'Something went wrong on this side; its log has the reason under request order-4711',
    { details: { request_id: 'order-4711' } },
  ),
  artifactDamaged: group(
    500,
    ['ARTIFACT_ALTERED', 'ARTIFACT_MISSING', 'INTERNAL_ERROR'],
    'The stored file is not the one that the history names, or is gone.',
    'Artifact brochure.pdf: the stored bytes are not those of the history',
    { details: { sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08' } },
  ),
  unavailable: unavailable(''),
  unavailableWrite: unavailable(
    '`details.outcome` says whether the command was carried out: `not_carried_out` or `unknown`. The same request under the same `Idempotency-Key` is safe in both cases.',
    ...['EVENT_LOG_DENIED', 'BUSY'],
  ),
  notReady: group(
    503,
    ['NOT_READY', 'TOO_MANY_CONNECTIONS'],
    'It cannot: `details` have `ready`, and for callers that hold `health.read` the checks.',
    'Not ready: eventLog. Ask again',
    { details: { ready: false }, headers: ['Retry-After'] },
  ),
  unavailableStream: unavailable(
    'A client that names `text/event-stream` in `Accept` gets a stream instead, which says why and ends.',
    'TOO_MANY_STREAMS',
  ),
} as const satisfies Readonly<Record<string, ErrorGroup>>;

export type ErrorName = keyof typeof ERRORS;

/** Any request may get these, before a handler sees it. */
export const EVERYWHERE: readonly ErrorName[] = ['unknownHost', 'tooMany'];
/** Beside these every route has one group of 400, one of 500 and one of 503 of its own or the usual one. */
export const USUAL: readonly ErrorName[] = ['malformed', 'internal', 'unavailable'];
/** Where a credential is looked at. */
export const WITH_CREDENTIAL: readonly ErrorName[] = ['unauthenticated', 'forbidden'];
/** Where a body is read. */
export const WITH_BODY: readonly ErrorName[] = ['malformedBody', 'tooLarge', 'unsupported'];

/** Of a command whose outcome is an event. */
export const COMMAND_ERRORS = [
  'malformedBody',
  'notFound',
  'executionConflict',
  'tombstoned',
  'keyReused',
  'unavailableWrite',
] as const satisfies readonly ErrorName[];
