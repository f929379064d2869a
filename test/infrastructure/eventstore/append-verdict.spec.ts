/** What a server may say of one append of a batch, and which of the verdicts the caller gets: kept, not kept, not known. */
import shared from '@eventstore/db-client/generated/shared_pb.js';
import rpc from '@eventstore/db-client/generated/status_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import any from 'google-protobuf/google/protobuf/any_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import {
  AppendOutcomeUnknown,
  AppendRefused,
  LogUnavailable,
  RevisionConflict,
  StreamTombstoned,
} from '../../../src/application/log/event-log.js';
import { decodeAnswer } from '../../../src/infrastructure/eventstore/append-messages.js';
import { lostCall, verdictOf } from '../../../src/infrastructure/eventstore/append-verdict.js';

const read = (answer: InstanceType<typeof streams.BatchAppendResp>) => {
  try {
    return verdictOf(decodeAnswer(Buffer.from(answer.serializeBinary())).answer, 'stream', 3n);
  } catch (error) {
    return error;
  }
};

const status = (code: number, message: string, type?: string, details?: { serializeBinary(): Uint8Array }) => {
  const packed = new any.Any();
  if (details) packed.pack(details.serializeBinary(), `event_store.client.${type}`);
  else packed.pack(new empty.Empty().serializeBinary(), 'google.protobuf.Empty');
  const said = new rpc.Status().setCode(code).setMessage(message).setDetails(packed);
  return read(new streams.BatchAppendResp().setError(said));
};

test('a success says where the last event is', () => {
  const position = new shared.AllStreamPosition().setCommitPosition('77').setPreparePosition('77');
  const success = new streams.BatchAppendResp.Success().setCurrentRevision('4').setPosition(position);
  expect(read(new streams.BatchAppendResp().setSuccess(success))).toEqual({ revision: 4n, position: 77n });
});

test('a success without a position leaves the outcome unknown', () => {
  const success = new streams.BatchAppendResp.Success().setCurrentRevision('4').setNoPosition(new empty.Empty());
  expect(read(new streams.BatchAppendResp().setSuccess(success))).toBeInstanceOf(AppendOutcomeUnknown);
  expect(read(new streams.BatchAppendResp())).toBeInstanceOf(AppendOutcomeUnknown);
});

test('a stream at another revision is a conflict, with the revision that it is at', () => {
  const at = (revision: string) => new shared.WrongExpectedVersion().setCurrentStreamRevision(revision);
  const wrong = status(6, 'WrongExpectedVersion', 'WrongExpectedVersion', at('9'));
  expect(wrong).toBeInstanceOf(RevisionConflict);
  expect(wrong).toMatchObject({ stream: 'stream', expected: 3n, actual: 9n });
  expect(status(6, '', 'WrongExpectedVersion', at('0'))).toMatchObject({ actual: 0n });
  const none = new shared.WrongExpectedVersion().setCurrentNoStream(new empty.Empty()).setExpectedStreamPosition('3');
  expect(status(6, '', 'WrongExpectedVersion', none)).toMatchObject({ actual: 'none' });
});

test.each([
  ['too-large', 3, 'MaximumAppendSizeExceeded', new shared.MaximumAppendSizeExceeded().setMaxappendsize(1_048_576)],
  ['denied', 7, 'AccessDenied', new shared.AccessDenied()],
  ['invalid', 3, 'BadRequest', new shared.BadRequest().setMessage('no type')],
])('refused for good, as %s (status %p)', (reason, code, type, details) => {
  const error = status(code, type, type, details);
  expect(error).toBeInstanceOf(AppendRefused);
  expect(error).toMatchObject({ reason });
});

test.each([5, 9])('a tombstoned stream is a damaged history (status %p)', (code) => {
  expect(status(code, '', 'StreamDeleted', new shared.StreamDeleted())).toBeInstanceOf(StreamTombstoned);
});

test('what is too large names the limit', () => {
  const details = new shared.MaximumAppendSizeExceeded().setMaxappendsize(1_048_576);
  expect(status(3, '', 'MaximumAppendSizeExceeded', details)).toMatchObject({
    message: expect.stringContaining('1048576'),
  });
});

test.each([
  [0, 'Server Is Not Ready'],
  [0, 'Server Is Busy'],
  [0, 'No leader info available in response'],
  [14, 'Server Is Too Busy'],
  [8, 'too much'],
])('certainly not done now, and perhaps later: status %p, %s', (code, message) => {
  expect(status(code, message)).toBeInstanceOf(LogUnavailable);
});

test.each([
  [4, 'Timeout', 'Timeout', new shared.Timeout()],
  [2, 'Unknown', 'Unknown', new shared.Unknown()],
  [14, 'Server Is Shutting Down', undefined, undefined],
  [13, 'Envelope callback expected', undefined, undefined],
  [0, 'something new', undefined, undefined],
])('not known: status %p, %s', (code, message, type, details) => {
  expect(status(code, message, type, details)).toBeInstanceOf(AppendOutcomeUnknown);
});

describe('when a call ends, of the appends that wait on it', () => {
  test.each([
    [16, '16 UNAUTHENTICATED: Unauthenticated', AppendRefused],
    [7, '7 PERMISSION_DENIED: Access Denied', AppendRefused],
    [14, '14 UNAVAILABLE: No connection established. Last error: ECONNREFUSED', LogUnavailable],
    [14, '14 UNAVAILABLE: Name resolution failed for target dns:nowhere', LogUnavailable],
    [14, '14 UNAVAILABLE: Connection dropped', AppendOutcomeUnknown],
    [5, '5 NOT_FOUND: Leader info available', AppendOutcomeUnknown],
    [13, '13 INTERNAL: Not a message of protocol buffers', AppendOutcomeUnknown],
  ])('status %p: %s', (code, message, expected) => {
    expect(lostCall(Object.assign(new Error(message), { code }))).toBeInstanceOf(expected);
  });
});
