/**
 * What a server's answer says of one append: kept, certainly not kept (now, or ever), or not known. Callers act on the
 * difference, so an answer that this file does not know counts as not known.
 */
import { status } from '@grpc/grpc-js';
import {
  AppendOutcomeUnknown,
  AppendRefused,
  AppendTooLarge,
  isLogAway,
  isVerdict,
  LogUnavailable,
  RevisionConflict,
  StreamTombstoned,
  type AppendRefusedReason,
  type ExpectedRevision,
} from '../../application/log/event-log.js';
import { FieldReader } from '../protobuf/field-reader.js';
import type { AppendStatus, ServerAnswer, Taken } from './append-messages.js';

const PACKAGE = 'event_store.client.';

/** Refused for good: for any caller, at any time. */
const REASONS: Readonly<Partial<Record<number, AppendRefusedReason>>> = {
  [status.INVALID_ARGUMENT]: 'invalid',
  [status.PERMISSION_DENIED]: 'denied',
  [status.UNAUTHENTICATED]: 'denied',
};

/** The server did not do it, and says nothing against the append itself. */
const NOT_DONE: ReadonlySet<number> = new Set([
  ...[status.NOT_FOUND, status.FAILED_PRECONDITION, status.RESOURCE_EXHAUSTED, status.UNIMPLEMENTED],
]);

/** A server that did not begin says so in words; the status is 0 in EventStoreDB, and another one in the embedded node. */
const NOT_BEGUN = /Server Is (Too )?Busy|Server Is Not Ready|No leader info|Unknown NotHandledReason/;

/** @throws RevisionConflict, AppendRefused (StreamTombstoned), LogUnavailable, AppendOutcomeUnknown, as the port says */
export const verdictOf = (answer: ServerAnswer, stream: string, expected: ExpectedRevision): Taken => {
  if (answer === 'empty') throw new AppendOutcomeUnknown(`Append to ${stream}: the answer has no position`);
  if ('position' in answer) return answer;
  throw errorOf(answer, stream, expected);
};

const errorOf = (answer: AppendStatus, stream: string, expected: ExpectedRevision): Error => {
  const { code, message, type, details } = answer;
  if (type === `${PACKAGE}WrongExpectedVersion`) return new RevisionConflict(stream, expected, revisionIn(details));
  if (type === `${PACKAGE}StreamDeleted`) return new StreamTombstoned(stream);
  const said = `${message || 'no reason given'} (status ${code})`;
  if (type === `${PACKAGE}MaximumAppendSizeExceeded`) {
    const limit = Number(new FieldReader(details).numberOf(1));
    return new AppendTooLarge(stream, limit, null, 'MaxAppendSize of the event store');
  }
  const reason = REASONS[code];
  if (reason) return new AppendRefused(reason, `The event store refuses the append to ${stream} for good: ${said}`);
  if (NOT_BEGUN.test(message) || NOT_DONE.has(code)) return notDone(stream, said);
  return new AppendOutcomeUnknown(`Append to ${stream}: ${said}`);
};

/** WrongExpectedVersion { current_stream_revision = 1, current_no_stream = 2, ... } */
const revisionIn = (details: Buffer): ExpectedRevision => {
  let revision: ExpectedRevision = 'none';
  const reader = new FieldReader(details);
  while (reader.next()) {
    if (reader.field === 1) revision = reader.number();
    else reader.skip();
  }
  return revision;
};

const notDone = (stream: string, said: string, cause?: unknown): LogUnavailable =>
  new LogUnavailable(`Append to ${stream} was not done: ${said}`, { cause });

/** The request never left. */
const NEVER_SENT = /No connection established|Name resolution failed|Failed to discover/;

/**
 * What the end of a call says of the appends that waited for its answers. A server that does not know the credentials, or does
 * not let their user in, says so before it looks at what the call brings.
 */
export const lostCall = (error: unknown): Error => {
  const { code } = error as { code?: unknown };
  const said = String((error as { message?: unknown }).message ?? error);
  if (code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED)
    return new AppendRefused('denied', `The event store does not let this user append: ${said}`, { cause: error });
  if (NEVER_SENT.test(said)) return new LogUnavailable(`The event store cannot be reached: ${said}`, { cause: error });
  return new AppendOutcomeUnknown(`The call for appends was lost: ${said}`, { cause: error });
};

/** How an append failed, as the port has it. */
export const appendFailure = (stream: string, error: unknown): Error =>
  isVerdict(error) || isLogAway(error)
    ? error
    : new AppendOutcomeUnknown(`Append to ${stream}: ${String(error)}`, { cause: error });
