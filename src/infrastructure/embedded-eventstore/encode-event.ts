/**
 * Events as bytes of the protocol, written straight: a catch-up sends thousands a second, and the generated classes take
 * ten times as long. Other messages are few and go through those classes.
 */
import type { StoredEvent } from './records.js';

/** An event as it is sent. `link` is the event that pointed to it; a link whose target is gone comes alone. */
export type Sendable = Readonly<{ event?: StoredEvent; link?: StoredEvent }>;

const TICKS_PER_MILLISECOND = 10_000n;
const LENGTH_DELIMITED = 2;
const UUID_TEXT_BYTES = 36;

/** ReadResp { event = 1: ReadEvent { event = 1, link = 2: RecordedEvent; commit_position = 3 } } */
export function encodeReadEvent({ event, link }: Sendable, structuredIds: boolean): Buffer {
  const position = (link ?? event)?.position ?? 0n;
  const parts: Buffer[] = [];
  if (event) parts.push(...field(1, recordedEvent(event, position, structuredIds)));
  if (link) parts.push(...field(2, recordedEvent(link, position, structuredIds)));
  parts.push(tag(3, 0), varint(position));
  return Buffer.concat(field(1, parts));
}

function recordedEvent(event: StoredEvent, position: bigint, structuredIds: boolean): Buffer[] {
  const at = varint(position);
  const parts = [
    ...field(1, [structuredIds ? structuredUuid(event.id) : textUuid(event.id)]),
    ...field(2, bytes(3, Buffer.from(event.stream, 'utf8'))),
    ...(event.revision === 0n ? [] : [tag(3, 0), varint(event.revision)]),
    ...[tag(4, 0), at, tag(5, 0), at],
    property('type', event.type),
    property('created', (BigInt(event.created) * TICKS_PER_MILLISECOND).toString()),
    event.json ? JSON_CONTENT : BINARY_CONTENT,
  ];
  if (event.metadata.length > 0) parts.push(...bytes(7, event.metadata));
  if (event.data.length > 0) parts.push(...bytes(8, event.data));
  return parts;
}

/** An entry of the map `metadata = 6`. */
function property(name: string, value: string): Buffer {
  return Buffer.concat(field(6, [...bytes(1, Buffer.from(name)), ...bytes(2, Buffer.from(value, 'utf8'))]));
}

const textUuid = (id: string) =>
  Buffer.concat([tag(2, LENGTH_DELIMITED), Buffer.from([UUID_TEXT_BYTES]), Buffer.from(id, 'latin1')]);

function structuredUuid(id: string): Buffer {
  const digits = id.replaceAll('-', '');
  const half = (from: number) => varint(BigInt(`0x${digits.slice(from, from + 16)}`));
  return Buffer.concat(field(1, [tag(1, 0), half(0), tag(2, 0), half(16)]));
}

/** A message within a message. */
function field(number: number, parts: readonly Buffer[]): Buffer[] {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return [tag(number, LENGTH_DELIMITED), varint(length), ...parts];
}

const bytes = (number: number, value: Uint8Array): Buffer[] => [
  ...[tag(number, LENGTH_DELIMITED), varint(value.length)],
  Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.length),
];

const TAGS = Array.from({ length: 16 << 3 }, (_, value) => Buffer.from([value]));
const tag = (number: number, type: number) => TAGS[(number << 3) | type] as Buffer;

/** Seven bits a byte, the lowest first. */
function varint(value: bigint | number): Buffer {
  if (value < 128) return TAGS[Number(value)] ?? Buffer.from([Number(value)]);
  const encoded: number[] = [];
  if (value <= Number.MAX_SAFE_INTEGER) {
    let left = Number(value);
    for (; left >= 128; left = Math.floor(left / 128)) encoded.push((left % 128) | 128);
    encoded.push(left);
  } else {
    let left = BigInt(value);
    for (; left >= 128n; left >>= 7n) encoded.push(Number(left & 127n) | 128);
    encoded.push(Number(left));
  }
  return Buffer.from(encoded);
}

const JSON_CONTENT = property('content-type', 'application/json');
const BINARY_CONTENT = property('content-type', 'application/octet-stream');
