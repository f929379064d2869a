/** Refusals as EventStoreDB sends them: a gRPC status, and trailers from which the client makes its error classes. */
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';

/** What a call is ended with. */
export type Refusal = Pick<ServiceError, 'code' | 'details' | 'metadata'> & Error;

export const invalidArgument = (details: string) => refusal(status.INVALID_ARGUMENT, details);
/**
 * What EventStoreDB says to a read or a deletion that cannot be: the same text for all of them, and a code that does not blame
 * the caller. What was expected goes with it as a trailer.
 */
export const handlerFailed = (expected: string) =>
  refusal(status.UNKNOWN, 'Exception was thrown by handler.', { expected });
export const readFailed = (result: 'ReadStreamResult' | 'ReadAllResult', expected: string) =>
  refusal(status.UNKNOWN, `Unexpected ${result}: Error`, { expected });
/** Says nothing of what was given. */
export const unauthenticated = () =>
  refusal(
    status.UNAUTHENTICATED,
    'Expected the credentials of this installation with each call; docs/embedded-node.md says where they are',
  );
export const accessDenied = (details: string) =>
  refusal(status.PERMISSION_DENIED, details, { exception: 'access-denied' });
export const shuttingDown = () => refusal(status.UNAVAILABLE, 'Server Is Shutting Down');
export const tooBusy = () => refusal(status.UNAVAILABLE, 'Server Is Too Busy');
export const timedOut = () => refusal(status.ABORTED, 'Operation timed out');
export const failed = (reason: string) => refusal(status.INTERNAL, reason);
export const tooManyReads = (limit: number) =>
  refusal(status.RESOURCE_EXHAUSTED, `At most ${limit} reads and subscriptions at once`);

export const streamDeleted = (stream: string) =>
  refusal(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': stream,
  });

export const wrongExpectedVersion = (operation: string, stream: string, expected: bigint, actual: bigint) =>
  refusal(
    status.FAILED_PRECONDITION,
    `${operation} failed due to WrongExpectedVersion. Stream: ${stream}, Expected version: ${expected}, Actual version: ${actual}`,
    {
      ...{ exception: 'wrong-expected-version', 'stream-name': stream },
      ...{ 'expected-version': expected.toString(), 'actual-version': actual.toString() },
    },
  );

export const appendTooLarge = (limit: number) =>
  refusal(status.INVALID_ARGUMENT, `Maximum Append Size of ${limit} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': limit.toString(),
  });

export const missingProperty = (name: string) =>
  refusal(status.INVALID_ARGUMENT, `Required Metadata Property '${name}' is missing`, {
    exception: 'missing-required-metadata-property',
    'required-metadata-properties': 'type,content-type',
  });

function refusal(code: status, details: string, trailers: Readonly<Record<string, string>> = {}): Refusal {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(trailers)) metadata.set(name, headerSafe(value));
  return Object.assign(new Error(details), { code, details, metadata });
}

/** Trailers hold printable ASCII only, with no blank at either end; other names arrive percent-encoded. */
function headerSafe(value: string): string {
  return /^[\x20-\x7e]*$/.test(value) && value === value.trim() ? value : encodeURIComponent(value);
}

export const isRefusal = (error: unknown): error is Refusal =>
  error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
