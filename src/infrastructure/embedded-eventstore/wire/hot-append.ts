/**
 * The batch append of which nearly all are: one message, with an expected revision or none, a span or no deadline, and JSON events.
 * It is read by the numbers of its fields, as classes that are generated from the protocol take several times as long. What has
 * another form is left to those classes, and so is what has to be refused.
 */
import { FieldReader } from '../../protobuf/field-reader.js';
import { millisecondsIn } from './append-span.js';
import { DELETED, isUsualUuid } from './records.js';

type HotEvent = Readonly<{ id: string; type: string; data: Buffer; metadata: Buffer }>;
type Options = Readonly<{ stream: Buffer; expected: bigint | 'no_stream'; spanMs: number | null }>;

export type HotAppend = Options &
  Readonly<{
    kind: 'hot';
    /** The whole message. */
    bytes: Buffer;
    /** The message UUID. */
    correlation: Buffer;
    events: readonly HotEvent[];
  }>;

/** Undefined for what has another form, and for what is no message at all. */
export function hotAppendIn(bytes: Buffer): HotAppend | undefined {
  try {
    return read(inMemoryOfItsOwn(bytes));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const NO_BYTES = Buffer.alloc(0);
/** Each field comes once. */
const OTHER_FORM = new RangeError('Not a hot append');

/**
 * Events are parts of the message that brought them, and live as long as the node remembers them. A message of this form is
 * little more than its events, so it may live with them; a pool from which its memory was taken may not.
 */
function inMemoryOfItsOwn(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength <= 2 * bytes.length) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}

/** BatchAppendReq { correlation_id = 1; options = 2; proposed_messages = 3; is_final = 4 } */
function read(bytes: Buffer): HotAppend {
  let [correlation, options]: [Buffer?, Options?] = [];
  let isFinal = false;
  const events: HotEvent[] = [];
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 3) events.push(eventOf(reader.message()));
    else if (reader.field === 1 && !correlation) correlation = correlationOf(reader.buffer());
    else if (reader.field === 2 && !options) options = optionsOf(reader.message());
    else if (reader.field === 4 && !isFinal) isFinal = reader.number() === 1n;
    else throw OTHER_FORM;
  }
  if (!correlation || !options || !isFinal) throw OTHER_FORM;
  const { stream, expected, spanMs } = options;
  return { kind: 'hot', bytes, correlation, stream, expected, spanMs, events };
}

/** UUID { structured = 1 { most_significant_bits = 1, least_significant_bits = 2 }, string = 2 } */
function correlationOf(bytes: Buffer): Buffer {
  const reader = new FieldReader(bytes);
  if (!reader.next()) throw OTHER_FORM;
  if (reader.field === 2) {
    if (!isUsualUuid(reader.text())) throw OTHER_FORM;
  } else if (reader.field === 1) {
    const halves = reader.message();
    let last = 0;
    while (halves.next()) {
      if (halves.field > 2 || halves.field <= last) throw OTHER_FORM;
      last = halves.field;
      halves.number();
    }
  } else throw OTHER_FORM;
  if (reader.next()) throw OTHER_FORM;
  return bytes;
}

/**
 * Options { stream_identifier = 1 { stream_name = 3 }, stream_position = 2, no_stream = 3, deadline = 7 }. Without the other
 * expectations (4, 5) and the deadline that is an instant (6).
 */
function optionsOf(reader: FieldReader): Options {
  let [stream, expected, spanMs]: [Buffer?, (bigint | 'no_stream')?, number?] = [];
  while (reader.next()) {
    if (reader.field === 1 && !stream) stream = nameIn(reader.message());
    else if (reader.field === 2 && expected === undefined) expected = reader.number();
    else if (reader.field === 3 && expected === undefined) {
      if (reader.message().next()) throw OTHER_FORM;
      expected = 'no_stream';
    } else if (reader.field === 7 && spanMs === undefined) spanMs = millisecondsIn(reader.message());
    else throw OTHER_FORM;
  }
  // The largest number stands for "no stream", those below it for nothing.
  if (!stream || expected === undefined || (expected !== 'no_stream' && expected > DELETED)) throw OTHER_FORM;
  return { stream, expected, spanMs: spanMs ?? null };
}

function nameIn(identifier: FieldReader): Buffer {
  if (!identifier.next() || identifier.field !== 3) throw OTHER_FORM;
  const name = identifier.buffer();
  if (identifier.next()) throw OTHER_FORM;
  return name;
}

/** ProposedMessage { id = 1, metadata = 2 { type, content-type }, custom_metadata = 3, data = 4 } */
function eventOf(reader: FieldReader): HotEvent {
  let [id, type, data, metadata]: [string?, string?, Buffer?, Buffer?] = [];
  let isJson = false;
  while (reader.next()) {
    if (reader.field === 1 && id === undefined) id = idOf(reader.message());
    else if (reader.field === 2) {
      const entry = reader.buffer();
      if (!isJson && entry.equals(JSON_CONTENT)) isJson = true;
      else if (type === undefined) type = typeIn(new FieldReader(entry));
      else throw OTHER_FORM;
    } else if (reader.field === 3 && !metadata) metadata = reader.buffer();
    else if (reader.field === 4 && !data) data = reader.buffer();
    else throw OTHER_FORM;
  }
  if (id === undefined || type === undefined || !isJson) throw OTHER_FORM;
  return { id, type, data: data ?? NO_BYTES, metadata: metadata ?? NO_BYTES };
}

function idOf(uuid: FieldReader): string {
  if (!uuid.next() || uuid.field !== 2) throw OTHER_FORM;
  const id = uuid.text();
  if (!isUsualUuid(id) || uuid.next()) throw OTHER_FORM;
  return id;
}

/** The entry of a map { key = 1, value = 2 } */
function typeIn(entry: FieldReader): string {
  let [key, type]: [string?, string?] = [];
  while (entry.next()) {
    if (entry.field === 1 && key === undefined) key = entry.text();
    else if (entry.field === 2 && type === undefined) type = entry.text();
    else throw OTHER_FORM;
  }
  if (key !== 'type' || type === undefined) throw OTHER_FORM;
  return type;
}

/** The same. */
const JSON_CONTENT = Buffer.from('\x0a\x0ccontent-type\x12\x10application/json');
