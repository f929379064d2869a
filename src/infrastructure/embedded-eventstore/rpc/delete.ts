import type { handleUnaryCall, Metadata } from '@grpc/grpc-js';
import type { Limits } from '../limits.js';
import { streams, type Streams } from '../wire/protocol.js';
import type { Expected } from '../wire/records.js';
import { expectedRevision, refusalOf, timeLeft } from './append.js';
import { failed, handlerFailed, invalidArgument, isRefusal, wrongExpectedVersion } from '../wire/errors.js';
import { writableStreamName } from '../wire/events.js';
import { callerOf } from '../wire/credentials.js';
import type { Access } from '../log/access.js';
import type { Writer } from '../log/writer.js';

type Options = Streams.DeleteReq.Options | Streams.TombstoneReq.Options;

/** The stream can be written to again; its old events can no longer be read. */
export function deleteHandler(
  writer: Writer,
  access: Access,
  limits: Limits,
): handleUnaryCall<Streams.DeleteReq, Streams.DeleteResp> {
  return (call, callback) => {
    remove('delete', call.request.getOptions(), call, writer, access, limits).then(
      (at) => callback(null, new streams.DeleteResp().setPosition(place(new streams.DeleteResp.Position(), at))),
      (error: unknown) => callback(isRefusal(error) ? error : failed(String(error))),
    );
  };
}

/** The stream's name can never be used again. */
export function tombstoneHandler(
  writer: Writer,
  access: Access,
  limits: Limits,
): handleUnaryCall<Streams.TombstoneReq, Streams.TombstoneResp> {
  return (call, callback) => {
    remove('tombstone', call.request.getOptions(), call, writer, access, limits).then(
      (at) => callback(null, new streams.TombstoneResp().setPosition(place(new streams.TombstoneResp.Position(), at))),
      (error: unknown) => callback(isRefusal(error) ? error : failed(String(error))),
    );
  };
}

type Call = Readonly<{ cancelled: boolean; metadata: Metadata; getDeadline(): Date | number }>;

async function remove(
  kind: 'delete' | 'tombstone',
  options: Options | undefined,
  call: Call,
  writer: Writer,
  access: Access,
  limits: Limits,
) {
  if (!options) throw invalidArgument('Expected the options of the call, got none');
  const stream = writableStreamName(options.getStreamIdentifier(), limits, handlerFailed);
  const expected = expectedRevision(options);
  await access.require(callerOf(call.metadata), 'delete', stream);
  const outcome = await writer.submit({ kind, stream, expected }, timeLeft(call), () => call.cancelled);
  if (outcome.kind === 'wrong') throw wrongExpectedVersion('Delete', stream, versionNumber(expected), outcome.current);
  if (outcome.kind !== 'done') throw refusalOf(outcome, stream);
  return outcome.position ?? 0n; // deletions are never repeats
}

/** The server's own numbers for what is not a revision. */
function versionNumber(expected: Expected): bigint {
  if (expected === 'no_stream') return -1n;
  if (expected === 'any') return -2n;
  return expected === 'stream_exists' ? -4n : expected;
}

function place<P extends Streams.DeleteResp.Position | Streams.TombstoneResp.Position>(message: P, at: bigint): P {
  message.setCommitPosition(at.toString());
  message.setPreparePosition(at.toString());
  return message;
}
