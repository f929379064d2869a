/**
 * Appends as bytes of the protocol, written and read straight: each step of each execution passes here, and the generated
 * classes take several times as long. What an answer says of an append that was not done goes through those classes.
 */
import type * as Streams from '@eventstore/db-client/generated/streams_pb.js';
import streamMessages from '@eventstore/db-client/generated/streams_pb.js';
import sharedMessages from '@eventstore/db-client/generated/shared_pb.js';
import type * as Rpc from '@eventstore/db-client/generated/status_pb.js';
import {
  type Appended,
  type ExpectedRevision,
  type NewEvent,
  AppendOutcomeUnknown,
  RevisionConflict,
  StreamTombstoned,
} from '../../application/log/event-log.js';
import { BackwardWriter } from '../protobuf/backward-writer.js';
import { FieldReader } from '../protobuf/field-reader.js';

/** A server's own word on one append; `code` as in gRPC. */
export class AppendStatus extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

const WRONG_VERSION = 'event_store.client.WrongExpectedVersion';
const DELETED = 'event_store.client.StreamDeleted';

/** @throws RevisionConflict, StreamTombstoned, AppendStatus, AppendOutcomeUnknown where the answer has no position */
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
  return new AppendStatus(code, `${error.getMessage() || 'The append was refused'} (status ${error.getCode()})`);
};

export type AppendMessage = Readonly<{
  /** The appends of a call are numbered; the answer gives the number back. */
  number: bigint;
  stream: string;
  events: readonly NewEvent[];
  expected: ExpectedRevision;
  /** Milliseconds since 1970, UTC. */
  deadline: number;
}>;

/** Numbers, lengths, tags and the names of properties: of an append, and of each of its events. */
const BYTES_BESIDE = 200;
const BYTES_PER_CHARACTER = 3;

/**
 * BatchAppendReq { correlation_id = 1; options = 2 { stream_identifier = 1, stream_position = 2, no_stream = 3, deadline = 6 };
 * proposed_messages = 3; is_final = 4 }
 */
export const encodeAppend = ({ number, stream, events, expected, deadline }: AppendMessage): Buffer => {
  const proposed = events.map(proposedEvent);
  const writer = new BackwardWriter(
    BYTES_BESIDE + stream.length * BYTES_PER_CHARACTER + proposed.reduce((sum, { room }) => sum + room, 0),
  );
  const end = writer.mark;
  writer.numberField(4, 1n);
  for (let index = proposed.length - 1; index >= 0; index--) writeProposed(writer, proposed[index]!);
  const options = writer.mark;
  writeDeadline(writer, deadline);
  if (expected === 'none') writer.field(3, writer.mark);
  else writer.numberField(2, expected);
  const name = writer.mark;
  writer.textField(3, stream);
  writer.field(1, name);
  writer.field(2, options);
  const correlation = writer.mark;
  writer.numberField(2, number);
  writer.field(1, correlation);
  writer.field(1, correlation);
  return writer.since(end);
};

type Proposed = Readonly<{ id: string; type: string; data: string; metadata: string; room: number }>;

const proposedEvent = ({ id, type, ...event }: NewEvent): Proposed => {
  const data = JSON.stringify(event.data);
  const metadata = JSON.stringify(event.metadata);
  const texts = id.length + type.length * BYTES_PER_CHARACTER;
  return {
    id,
    type,
    data,
    metadata,
    room: BYTES_BESIDE + texts + Buffer.byteLength(data) + Buffer.byteLength(metadata),
  };
};

/** ProposedMessage { id = 1, metadata = 2, custom_metadata = 3, data = 4 } */
const writeProposed = (writer: BackwardWriter, { id, type, data, metadata }: Proposed): void => {
  const end = writer.mark;
  writer.textField(4, data);
  writer.textField(3, metadata);
  writer.raw(JSON_CONTENT);
  writer.entry(2, 'type', type);
  const uuid = writer.mark;
  writer.textField(2, id);
  writer.field(1, uuid);
  writer.field(3, end);
};

/** Timestamp { seconds = 1, nanos = 2 } */
const writeDeadline = (writer: BackwardWriter, deadline: number): void => {
  const end = writer.mark;
  const seconds = Math.floor(deadline / 1_000);
  writer.numberField(2, BigInt(Math.floor((deadline - seconds * 1_000) * 1e6)));
  writer.numberField(1, BigInt(seconds));
  writer.field(6, end);
};

const JSON_CONTENT = (() => {
  const writer = new BackwardWriter(BYTES_BESIDE);
  const end = writer.mark;
  writer.entry(2, 'content-type', 'application/json');
  return writer.since(end);
})();

/** Of the append of that number: where its last event is, or what else the server says of it. */
export type AppendAnswer = Readonly<{ number: bigint; answer: Appended | Streams.BatchAppendResp }>;

/** BatchAppendResp { correlation_id = 1, error = 2, success = 3, ... }. @throws RangeError */
export const decodeAnswer = (bytes: Buffer): AppendAnswer => {
  let [number, answer]: [bigint, Appended | null] = [0n, null];
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) number = numberOf(reader.message());
    else if (reader.field === 3) answer = successOf(reader.message());
    else reader.skip();
  }
  return { number, answer: answer ?? streamMessages.BatchAppendResp.deserializeBinary(bytes) };
};

/** UUID { structured = 1 { most_significant_bits = 1, least_significant_bits = 2 }, string = 2 }; a server may choose. */
const numberOf = (uuid: FieldReader): bigint => {
  let number = 0n;
  while (uuid.next()) {
    if (uuid.field === 2) number = BigInt(`0x${uuid.text().replaceAll('-', '').slice(16) || '0'}`);
    else if (uuid.field === 1) number = uuid.message().numberOf(2);
    else uuid.skip();
  }
  return number;
};

/** Success { current_revision = 1, no_stream = 2, position = 3 { commit_position = 1 }, no_position = 4 } */
const successOf = (success: FieldReader): Appended | null => {
  let revision = 0n;
  let position: bigint | null = null;
  while (success.next()) {
    if (success.field === 1) revision = success.number();
    else if (success.field === 3) position = success.message().numberOf(1);
    else success.skip();
  }
  return position === null ? null : { revision, position };
};
