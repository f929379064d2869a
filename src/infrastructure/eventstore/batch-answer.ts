import sharedMessages from '@eventstore/db-client/generated/shared_pb.js';
import type * as Rpc from '@eventstore/db-client/generated/status_pb.js';
import type * as Streams from '@eventstore/db-client/generated/streams_pb.js';
import {
  AppendOutcomeUnknown,
  RevisionConflict,
  StreamTombstoned,
  type Appended,
  type ExpectedRevision,
} from '../../application/log/event-log.js';

/** A server's own word on one append; `code` as in gRPC. */
export class AppendRefused extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

const WRONG_VERSION = 'event_store.client.WrongExpectedVersion';
const DELETED = 'event_store.client.StreamDeleted';

/** @throws RevisionConflict, StreamTombstoned, AppendRefused, AppendOutcomeUnknown where the answer has no position */
export const batchAnswer = (
  answer: Appended | Streams.BatchAppendResp,
  stream: string,
  expected: ExpectedRevision,
): Appended => {
  if ('revision' in answer) return answer;
  const error = answer.getError();
  if (error) throw errorOf(error, stream, expected);
  throw new AppendOutcomeUnknown(`Append to ${stream}: the answer has no position`);
};

const errorOf = (error: Rpc.Status, stream: string, expected: ExpectedRevision): Error => {
  const details = error.getDetails();
  const type = details?.getTypeName();
  const wrong =
    type === WRONG_VERSION && details!.unpack(sharedMessages.WrongExpectedVersion.deserializeBinary, WRONG_VERSION);
  if (wrong) {
    const actual = wrong.hasCurrentStreamRevision() ? BigInt(wrong.getCurrentStreamRevision()) : 'none';
    return new RevisionConflict(stream, expected, actual);
  }
  if (type === DELETED) return new StreamTombstoned(stream);
  const code = error.getCode();
  return new AppendRefused(code, `${error.getMessage() || 'The append was refused'} (status ${error.getCode()})`);
};
