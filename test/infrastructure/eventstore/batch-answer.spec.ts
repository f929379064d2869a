/** What a server may say of one append of a batch, and what the caller is told. */
import shared from '@eventstore/db-client/generated/shared_pb.js';
import rpc from '@eventstore/db-client/generated/status_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import any from 'google-protobuf/google/protobuf/any_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import { AppendOutcomeUnknown, RevisionConflict, StreamTombstoned } from '../../../src/application/log/event-log.js';
import { decodeAnswer, AppendRefused, batchAnswer } from '../../../src/infrastructure/eventstore/append-messages.js';
import { isRefusal } from '../../../src/infrastructure/eventstore/call-errors.js';

const read = (answer: InstanceType<typeof streams.BatchAppendResp>) => {
  try {
    return batchAnswer(decodeAnswer(Buffer.from(answer.serializeBinary())).answer, 'stream', 3n);
  } catch (error) {
    return error;
  }
};

const refusedWith = (code: number, type: string, details: { serializeBinary(): Uint8Array }) => {
  const packed = new any.Any();
  packed.pack(details.serializeBinary(), `event_store.client.${type}`);
  const status = new rpc.Status().setCode(code).setMessage(type).setDetails(packed);
  return read(new streams.BatchAppendResp().setError(status));
};

test('a success says where the last event is', () => {
  const position = new shared.AllStreamPosition().setCommitPosition('77').setPreparePosition('77');
  const success = new streams.BatchAppendResp.Success().setCurrentRevision('4').setPosition(position);
  expect(read(new streams.BatchAppendResp().setSuccess(success))).toEqual({ revision: 4n, position: 77n });
});

test('a success without a position tells nothing', () => {
  const success = new streams.BatchAppendResp.Success().setCurrentRevision('4').setNoPosition(new empty.Empty());
  expect(read(new streams.BatchAppendResp().setSuccess(success))).toBeInstanceOf(AppendOutcomeUnknown);
});

test('a stream at another revision is a conflict, with the revision that it is at', () => {
  const at = (revision: string) => new shared.WrongExpectedVersion().setCurrentStreamRevision(revision);
  const wrong = refusedWith(6, 'WrongExpectedVersion', at('9'));
  expect(wrong).toBeInstanceOf(RevisionConflict);
  expect(wrong).toMatchObject({ stream: 'stream', expected: 3n, actual: 9n });
  expect(refusedWith(6, 'WrongExpectedVersion', at('0'))).toMatchObject({ actual: 0n });
  const none = new shared.WrongExpectedVersion().setCurrentNoStream(new empty.Empty());
  expect(refusedWith(6, 'WrongExpectedVersion', none)).toMatchObject({ actual: 'none' });
});

test.each([
  ['AccessDenied', 7, new shared.AccessDenied(), true],
  ['MaximumAppendSizeExceeded', 3, new shared.MaximumAppendSizeExceeded(), true],
  ['Timeout', 4, new shared.Timeout(), false],
  ['Unknown', 2, new shared.Unknown(), false],
])('%s (status %p) is a refusal for certain: %#', (type, code, details, isCertain) => {
  const error = refusedWith(code, type, details);
  expect(error).toBeInstanceOf(AppendRefused);
  expect(isRefusal(error)).toBe(isCertain);
  expect((error as Error).message).toContain(type);
});

test.each([5, 2])(
  'a stream that was tombstoned is told as such, whatever status a server gives with it: %p',
  (code) => {
    const error = refusedWith(code, 'StreamDeleted', new shared.StreamDeleted());
    expect(error).toBeInstanceOf(StreamTombstoned);
    expect(error).toMatchObject({ stream: 'stream' });
  },
);

test('a busy server has not begun', () => {
  const status = new rpc.Status().setCode(14).setMessage('Server Is Too Busy');
  expect(isRefusal(read(new streams.BatchAppendResp().setError(status)))).toBe(true);
});
