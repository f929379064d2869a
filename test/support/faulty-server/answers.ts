/** How EventStoreDB says that it does not do what it was asked to: of a whole call in its trailers, of one append of many in a message. */
import { status } from '@grpc/grpc-js';
import {
  Any,
  GoogleEmpty,
  rpc,
  shared,
  streams,
  type Rpc,
  type Shared,
} from '../../../src/infrastructure/embedded-eventstore/wire/protocol.js';
import { framed } from './frames.js';

/** The end of a call. */
export type Ending = Readonly<{ code: number; text: string; trailers?: Readonly<Record<string, string>> }>;

export type Endpoint = Readonly<{ host: string; port: number }>;

export const NOT_READY: Ending = { code: status.UNAVAILABLE, text: 'Server Is Not Ready' };
export const TOO_BUSY: Ending = { code: status.UNAVAILABLE, text: 'Server Is Too Busy' };
export const NO_LEADER: Ending = { code: status.UNKNOWN, text: 'No leader info available in response' };
export const UNAUTHENTICATED: Ending = { code: status.UNAUTHENTICATED, text: 'Unauthenticated' };
export const ACCESS_DENIED: Ending = {
  code: status.PERMISSION_DENIED,
  text: 'Access Denied',
  trailers: { exception: 'access-denied' },
};
export const CONSUMER_TOO_SLOW: Ending = {
  code: status.ABORTED,
  text: 'Operation timed out: Consumer too slow to handle event while live. Client resubscription required.',
};

export const notLeader = ({ host, port }: Endpoint): Ending => ({
  code: status.NOT_FOUND,
  text: 'Leader info available',
  trailers: { exception: 'not-leader', 'leader-endpoint-host': host, 'leader-endpoint-port': String(port) },
});

const statusOf = (code: number, text: string, details: Uint8Array, type: string): Rpc.Status => {
  const any = new Any();
  any.pack(details, type);
  return new rpc.Status().setCode(code).setMessage(text).setDetails(any);
};

/** A server that did not begin says so without a code. */
const notHandled = (text: string) => statusOf(0, text, new GoogleEmpty().serializeBinary(), 'google.protobuf.Empty');

export const BATCH_NOT_READY = notHandled('Server Is Not Ready');
export const BATCH_BUSY = notHandled('Server Is Busy');
export const BATCH_NO_LEADER = notHandled('No leader info available in response');
export const BATCH_TIMEOUT = statusOf(
  status.DEADLINE_EXCEEDED,
  'Timeout',
  new shared.Timeout().serializeBinary(),
  'event_store.client.Timeout',
);
export const BATCH_DENIED = statusOf(
  status.PERMISSION_DENIED,
  'AccessDenied',
  new shared.AccessDenied().serializeBinary(),
  'event_store.client.AccessDenied',
);

/** The answer to one append of a batch. */
export const batchAnswer = (
  correlation: Shared.UUID | undefined,
  stream: Shared.StreamIdentifier | undefined,
  refusal: Rpc.Status,
): Buffer => {
  const answer = new streams.BatchAppendResp().setCorrelationId(correlation).setStreamIdentifier(stream);
  return framed(answer.setError(refusal).serializeBinary());
};
