/**
 * Events as bytes of the protocol, written straight: a catch-up sends thousands a second, and the generated classes take
 * ten times as long. Other messages are few and go through those classes.
 */
import { BackwardWriter } from '../../protobuf/backward-writer.js';
import type { StoredEvent } from './records.js';

/** An event as it is sent. `link` is the event that pointed to it; a link whose target is gone comes alone. */
export type Sendable = Readonly<{ event?: StoredEvent; link?: StoredEvent }>;

const TICKS_PER_MILLISECOND = 10_000n;
/** At most: numbers, lengths, tags and the names of properties. */
const BYTES_BESIDE_TEXTS_AND_DATA = 300;
const BYTES_PER_CHARACTER = 3;
/** The map of properties. */
const METADATA = 6;

/** ReadResp { event = 1: ReadEvent { event = 1, link = 2: RecordedEvent; commit_position = 3 } } */
export function encodeReadEvent({ event, link }: Sendable, structuredIds: boolean): Buffer {
  const position = (link ?? event)?.position ?? 0n;
  const writer = new BackwardWriter(roomFor(event) + roomFor(link));
  const end = writer.mark;
  writer.numberField(3, position);
  if (link) writeRecorded(writer, 2, link, structuredIds);
  if (event) writeRecorded(writer, 1, event, structuredIds);
  writer.field(1, end);
  return writer.since(end);
}

const roomFor = (event: StoredEvent | undefined) =>
  BYTES_BESIDE_TEXTS_AND_DATA +
  (event
    ? (event.stream.length + event.type.length) * BYTES_PER_CHARACTER + event.data.length + event.metadata.length
    : 0);

/** With its own position: where it was reached by a link, the link's stands beside it. */
function writeRecorded(writer: BackwardWriter, number: number, event: StoredEvent, structuredIds: boolean): void {
  const end = writer.mark;
  if (event.data.length > 0) writer.bytesField(8, event.data);
  if (event.metadata.length > 0) writer.bytesField(7, event.metadata);
  writer.raw(event.json ? JSON_CONTENT : BINARY_CONTENT);
  writer.entry(METADATA, 'created', (BigInt(event.created) * TICKS_PER_MILLISECOND).toString());
  writer.entry(METADATA, 'type', event.type);
  writer.numberField(5, event.position);
  writer.numberField(4, event.position);
  if (event.revision !== 0n) writer.numberField(3, event.revision);
  const name = writer.mark;
  writer.textField(3, event.stream);
  writer.field(2, name);
  writeId(writer, event.id, structuredIds);
  writer.field(number, end);
}

function writeId(writer: BackwardWriter, id: string, structured: boolean): void {
  const end = writer.mark;
  if (structured) {
    const digits = id.replaceAll('-', '');
    writer.numberField(2, BigInt(`0x${digits.slice(16)}`));
    writer.numberField(1, BigInt(`0x${digits.slice(0, 16)}`));
    writer.field(1, end);
  } else writer.textField(2, id);
  writer.field(1, end);
}

function contentType(value: string): Buffer {
  const writer = new BackwardWriter(BYTES_BESIDE_TEXTS_AND_DATA);
  const end = writer.mark;
  writer.entry(METADATA, 'content-type', value);
  return writer.since(end);
}

const JSON_CONTENT = contentType('application/json');
const BINARY_CONTENT = contentType('application/octet-stream');
