import type { handleClientStreamingCall, ServerReadableStream } from '@grpc/grpc-js';
import type { Outcome } from '../log/commit.js';
import { streams, shared, type Streams } from '../wire/protocol.js';
import type { Expected } from '../wire/records.js';
import type { Limits } from '../limits.js';
import {
  accessDenied,
  failed,
  invalidArgument,
  isRefusal,
  shuttingDown,
  streamDeleted,
  timedOut,
  tooBusy,
} from '../wire/errors.js';
import { callerOf } from '../wire/credentials.js';
import { ProposedEvents, writableStreamName, unlessNone } from '../wire/events.js';
import type { Access } from '../log/access.js';
import type { Writer } from '../log/writer.js';

type Call = ServerReadableStream<Streams.AppendReq, Streams.AppendResp>;

/** One append per call: its options first, then its events. */
export function appendHandler(
  writer: Writer,
  access: Access,
  limits: Limits,
): handleClientStreamingCall<Streams.AppendReq, Streams.AppendResp> {
  return (call, callback) => {
    append(call, writer, access, limits).then(
      (response) => callback(null, response),
      (error: unknown) => callback(isRefusal(error) ? error : failed(String(error))),
    );
  };
}

async function append(call: Call, writer: Writer, access: Access, limits: Limits): Promise<Streams.AppendResp> {
  const { options, proposed } = await receive(call, limits);
  if (!options) throw invalidArgument('Expected the options of the append, got nothing');
  const stream = writableStreamName(options.getStreamIdentifier(), limits);
  const expected = expectedRevision(options);
  await access.require(callerOf(call.metadata), 'write', stream);
  const outcome = await writer.submit(
    { kind: 'append', stream, expected, events: proposed.events },
    timeLeft(call),
    () => call.cancelled,
  );
  if (outcome.kind === 'wrong') return conflict(expected, outcome.current);
  if (outcome.kind !== 'done') throw refusalOf(outcome, stream);
  const success = new streams.AppendResp.Success();
  if (outcome.revision < 0n) success.setNoStream(new shared.Empty());
  else success.setCurrentRevision(outcome.revision.toString());
  if (outcome.position === undefined) success.setNoPosition(new shared.Empty());
  else success.setPosition(position(outcome.position));
  return new streams.AppendResp().setSuccess(success);
}

/** By events, not by `for await`: that makes an error with its stack at the end of every call. */
function receive(
  call: Call,
  limits: Limits,
): Promise<{ options: Streams.AppendReq.Options | undefined; proposed: ProposedEvents }> {
  return new Promise((resolve, reject) => {
    let options: Streams.AppendReq.Options | undefined;
    const proposed = new ProposedEvents(limits);
    call.on('data', (request: Streams.AppendReq) => {
      try {
        const message = request.getProposedMessage();
        if (options && !message) throw invalidArgument('Expected an event after the options of the append');
        if (message && !options) throw invalidArgument('Expected the options of the append first');
        if (message) proposed.add(message);
        else options = request.getOptions();
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    call.on('end', () => resolve({ options, proposed }));
    call.on('error', reject);
    call.on('cancelled', () => reject(shuttingDown())); // the caller is gone and does not get it
  });
}

function conflict(expected: Expected, current: bigint): Streams.AppendResp {
  const wrong = new streams.AppendResp.WrongExpectedVersion();
  if (current < 0n) wrong.setCurrentNoStream(new shared.Empty());
  else wrong.setCurrentRevision(current.toString());
  if (expected === 'any') wrong.setExpectedAny(new shared.Empty());
  else if (expected === 'stream_exists') wrong.setExpectedStreamExists(new shared.Empty());
  else if (expected === 'no_stream') wrong.setExpectedNoStream(new shared.Empty());
  else wrong.setExpectedRevision(expected.toString());
  return new streams.AppendResp().setWrongExpectedVersion(wrong);
}

const position = (value: bigint) =>
  new streams.AppendResp.Position().setCommitPosition(value.toString()).setPreparePosition(value.toString());

type ExpectedOptions = Streams.AppendReq.Options | Streams.DeleteReq.Options | Streams.TombstoneReq.Options;

export function expectedRevision(options: ExpectedOptions): Expected {
  if (options.hasAny()) return 'any';
  if (options.hasNoStream()) return 'no_stream';
  if (options.hasStreamExists()) return 'stream_exists';
  if (options.hasRevision()) return unlessNone(options.getRevision(), 'no_stream');
  throw invalidArgument('Expected a revision: a number, any, no_stream or stream_exists');
}

export function refusalOf(outcome: Exclude<Outcome, { kind: 'done' | 'wrong' }>, stream: string): Error {
  switch (outcome.kind) {
    case 'deleted':
      return streamDeleted(stream);
    case 'timeout':
      return timedOut();
    case 'busy':
      return tooBusy();
    case 'closing':
      return shuttingDown();
    case 'denied':
      return accessDenied(outcome.reason);
    case 'failed':
      return failed(outcome.reason);
  }
}

/** Milliseconds until the caller gives up. */
export function timeLeft(call: { getDeadline(): Date | number }): number {
  const deadline = call.getDeadline();
  return (deadline instanceof Date ? deadline.getTime() : deadline) - Date.now();
}
