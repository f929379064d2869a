/** What a batch append is answered with where it was not done. */
import { reasonOf } from '../../../application/runtime/errors.js';
import type { Outcome } from '../log/commit.js';
import { isRefusal } from '../wire/errors.js';
import { Any, GoogleEmpty, rpc, shared, type Rpc, type Shared } from '../wire/protocol.js';
import type { Expected } from '../wire/records.js';

/** google.rpc.Code */
const Code = {
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

export function outcomeStatus(
  outcome: Exclude<Outcome, { kind: 'done' }>,
  stream: string,
  expected: Expected,
): Rpc.Status {
  switch (outcome.kind) {
    case 'wrong':
      return rpcStatus(
        Code.ALREADY_EXISTS,
        'WrongExpectedVersion',
        wrongExpectedVersion(expected, outcome.current),
        'WrongExpectedVersion',
      );
    case 'deleted': {
      const deleted = new shared.StreamDeleted().setStreamIdentifier(
        new shared.StreamIdentifier().setStreamName(Buffer.from(stream)),
      );
      return rpcStatus(Code.NOT_FOUND, 'StreamDeleted', deleted, 'StreamDeleted');
    }
    case 'timeout':
      return timeout();
    case 'busy':
      return withoutDetails(Code.UNAVAILABLE, 'Server Is Too Busy');
    case 'closing':
      return withoutDetails(Code.UNAVAILABLE, 'Server Is Shutting Down');
    case 'denied':
      return rpcStatus(Code.PERMISSION_DENIED, outcome.reason, new shared.AccessDenied(), 'AccessDenied');
    case 'failed':
      return withoutDetails(Code.INTERNAL, outcome.reason);
  }
}

/**
 * What could not be taken is the caller's fault if it was refused, and this node's own if it is any other error. EventStoreDB's
 * message names the kind alone; what was expected is in the details.
 */
export function errorStatus(error: unknown): Rpc.Status {
  const message = reasonOf(error);
  if (!isRefusal(error)) return withoutDetails(Code.INTERNAL, message);
  if (error.metadata.get('exception')[0] === 'maximum-append-size-exceeded') {
    const tooLarge = new shared.MaximumAppendSizeExceeded().setMaxappendsize(
      Number(error.metadata.get('maximum-append-size')[0]),
    );
    return rpcStatus(Code.INVALID_ARGUMENT, 'MaximumAppendSizeExceeded', tooLarge, 'MaximumAppendSizeExceeded');
  }
  return rpcStatus(Code.INVALID_ARGUMENT, 'BadRequest', new shared.BadRequest().setMessage(message), 'BadRequest');
}

function wrongExpectedVersion(expected: Expected, current: bigint): Shared.WrongExpectedVersion {
  const wrong = new shared.WrongExpectedVersion();
  if (current < 0n) wrong.setCurrentNoStream(new GoogleEmpty());
  else wrong.setCurrentStreamRevision(current.toString());
  if (expected === 'any') return wrong.setExpectedAny(new GoogleEmpty());
  if (expected === 'stream_exists') return wrong.setExpectedStreamExists(new GoogleEmpty());
  if (expected === 'no_stream') return wrong.setExpectedNoStream(new GoogleEmpty());
  return wrong.setExpectedStreamPosition(expected.toString());
}

export const timeout = () => rpcStatus(Code.DEADLINE_EXCEEDED, 'Timeout', new shared.Timeout(), 'Timeout');

/** The client's error then holds the message. */
function withoutDetails(code: number, message: string): Rpc.Status {
  const any = new Any();
  any.pack(new GoogleEmpty().serializeBinary(), 'google.protobuf.Empty');
  return new rpc.Status().setCode(code).setMessage(message).setDetails(any);
}

function rpcStatus(
  code: number,
  message: string,
  details: { serializeBinary(): Uint8Array },
  type: string,
): Rpc.Status {
  const any = new Any();
  any.pack(details.serializeBinary(), `event_store.client.${type}`);
  return new rpc.Status().setCode(code).setMessage(message).setDetails(any);
}
