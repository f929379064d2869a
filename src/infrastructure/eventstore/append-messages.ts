/**
 * Appends as bytes of the protocol, written and read by the numbers of its fields: each step of each execution passes here, and
 * classes generated from the protocol take several times as long.
 */
import type { Appended, ExpectedRevision, NewEvent } from '../../application/log/event-log.js';
import { BackwardWriter } from '../protobuf/backward-writer.js';
import { FieldReader } from '../protobuf/field-reader.js';

type AppendMessage = Readonly<{
  /** The appends of a call are numbered; the answer gives the number back. */
  number: bigint;
  stream: string;
  events: readonly NewEvent[];
  expected: ExpectedRevision;
  /** How long the server may take, milliseconds: a span, as its clock may differ from this machine's. */
  withinMs: number;
}>;

/** Numbers, lengths, tags and the names of properties: of an append, and of each of its events. */
const BYTES_BESIDE = 200;
const BYTES_PER_CHARACTER = 3;

/**
 * BatchAppendReq { correlation_id = 1; options = 2 { stream_identifier = 1, stream_position = 2, no_stream = 3,
 * deadline_21_10_0 = 6, deadline = 7 }; proposed_messages = 3; is_final = 4 }. Field 6 is an instant, for servers that are too
 * old for this application.
 */
export const encodeAppend = ({ number, stream, events, expected, withinMs }: AppendMessage): Buffer => {
  const proposed = events.map(proposedEvent);
  const writer = new BackwardWriter(
    BYTES_BESIDE + stream.length * BYTES_PER_CHARACTER + proposed.reduce((sum, { room }) => sum + room, 0),
  );
  const end = writer.mark;
  writer.numberField(4, 1n);
  for (let index = proposed.length - 1; index >= 0; index--) writeProposed(writer, proposed[index]!);
  const options = writer.mark;
  writeSpan(writer, 7, withinMs);
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

/** google.protobuf.Duration { seconds = 1, nanos = 2 } */
const writeSpan = (writer: BackwardWriter, field: number, ms: number): void => {
  const end = writer.mark;
  const whole = Math.floor(ms);
  writer.numberField(2, BigInt(whole % 1_000) * 1_000_000n);
  writer.numberField(1, BigInt(Math.floor(whole / 1_000)));
  writer.field(field, end);
};

const JSON_CONTENT = (() => {
  const writer = new BackwardWriter(BYTES_BESIDE);
  const end = writer.mark;
  writer.entry(2, 'content-type', 'application/json');
  return writer.since(end);
})();

/** What a server says of an append that it did not do, or is not sure of. */
export type AppendStatus = Readonly<{
  /** google.rpc.Code; 0 where the server gives none. */
  code: number;
  message: string;
  /** The full name of the message in `details`; empty where there is none. */
  type: string;
  details: Buffer;
}>;

/** `created`: when the events were recorded, milliseconds since the epoch, where the server says it. */
export type Taken = Appended & Readonly<{ created?: number }>;

/** `empty`: neither done nor refused. */
export type ServerAnswer = Taken | AppendStatus | 'empty';

/** Of the append of that number: where its last event is, or what else the server says of it. */
export type AppendAnswer = Readonly<{ number: bigint; answer: ServerAnswer }>;

/** BatchAppendResp { correlation_id = 1, error = 2, success = 3, ... }. @throws RangeError */
export const decodeAnswer = (bytes: Buffer): AppendAnswer => {
  let [number, answer]: [bigint, ServerAnswer] = [0n, 'empty'];
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) number = numberOf(reader.message());
    else if (reader.field === 2) answer = statusOf(reader.message());
    else if (reader.field === 3) answer = successOf(reader.message());
    else reader.skip();
  }
  return { number, answer };
};

/** UUID { structured = 1 { most_significant_bits = 1, least_significant_bits = 2 }, string = 2 }; a server may choose. */
const numberOf = (uuid: FieldReader): bigint => {
  let number = 0n;
  while (uuid.next()) {
    if (uuid.field === 2) number = lowHalfOf(uuid.text());
    else if (uuid.field === 1) number = uuid.message().numberOf(2);
    else uuid.skip();
  }
  return number;
};

/** No append has the number 0. */
const lowHalfOf = (text: string): bigint => {
  const digits = text.replaceAll('-', '').slice(16);
  return /^[0-9a-f]{1,16}$/i.test(digits) ? BigInt(`0x${digits}`) : 0n;
};

/** The embedded node's own, which other clients skip. */
const CREATED_FIELD = 1000;

/**
 * Success { current_revision = 1, no_stream = 2, position = 3 { commit_position = 1 }, no_position = 4, created = 1000 }. The
 * field 1000 is the embedded node's own.
 */
const successOf = (success: FieldReader): Taken | 'empty' => {
  let revision = 0n;
  let position: bigint | null = null;
  let created: number | undefined;
  while (success.next()) {
    if (success.field === 1) revision = success.number();
    else if (success.field === 3) position = success.message().numberOf(1);
    else if (success.field === CREATED_FIELD) created = Number(success.number());
    else success.skip();
  }
  if (position === null) return 'empty';
  return created === undefined ? { revision, position } : { revision, position, created };
};

const NOTHING: Buffer = Buffer.alloc(0);

/** google.rpc.Status { code = 1, message = 2, details = 3 } */
const statusOf = (status: FieldReader): AppendStatus => {
  let [code, message, type]: [bigint, string, string] = [0n, '', ''];
  let details: Buffer = NOTHING;
  while (status.next()) {
    if (status.field === 1) code = status.number();
    else if (status.field === 2) message = status.text();
    else if (status.field === 3) [type, details] = anyOf(status.message());
    else status.skip();
  }
  return { code: Number(code), message, type, details };
};

/** google.protobuf.Any { type_url = 1, value = 2 } */
const anyOf = (any: FieldReader): [string, Buffer] => {
  let [type, value]: [string, Buffer] = ['', NOTHING];
  while (any.next()) {
    if (any.field === 1) type = any.text().replace(/^.*\//, '');
    else if (any.field === 2) value = any.buffer();
    else any.skip();
  }
  return [type, value];
};
