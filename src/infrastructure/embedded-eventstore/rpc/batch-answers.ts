import { reasonOf } from '../../../application/runtime/errors.js';
/** How one append of a batch is answered: a success, or a google.rpc.Status whose details name the error. */
import type { Outcome } from '../log/commit.js';
import type { Limits } from '../limits.js';
import { Any, GoogleEmpty, rpc, shared, streams, type Rpc, type Shared, type Streams } from '../wire/protocol.js';
import type { Expected } from '../wire/records.js';
import { isRefusal } from '../wire/errors.js';

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
export function success({ revision, position }: Extract<Outcome, { kind: 'done' }>): Streams.BatchAppendResp.Success {
  const message = new streams.BatchAppendResp.Success();
  if (revision < 0n) message.setNoStream(new GoogleEmpty());
  else message.setCurrentRevision(revision.toString());
  const at = position.toString();
  return message.setPosition(new shared.AllStreamPosition().setCommitPosition(at).setPreparePosition(at));
}

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

/** What could not be taken is the caller's fault if it was refused, and this node's own if it is any other error. */
export function errorStatus(error: unknown, limits: Limits): Rpc.Status {
  const message = reasonOf(error);
  if (!isRefusal(error)) return withoutDetails(Code.INTERNAL, message);
  if (error.metadata.get('exception')[0] === 'maximum-append-size-exceeded') {
    const tooLarge = new shared.MaximumAppendSizeExceeded().setMaxappendsize(limits.maxAppendBytes);
    return rpcStatus(Code.INVALID_ARGUMENT, 'MaximumAppendSizeExceeded', tooLarge, 'MaximumAppendSizeExceeded');
  }
  return rpcStatus(Code.INVALID_ARGUMENT, message, new shared.BadRequest().setMessage(message), 'BadRequest');
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
