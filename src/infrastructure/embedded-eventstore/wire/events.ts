/** What callers send: names, ids and events, checked. */
import type { Limits } from '../limits.js';
import { shared, type Shared, type Streams } from './protocol.js';
import { isMetastream, isUsualUuid, sizeOf, type ProposedEvent, DELETED } from './records.js';
import { appendTooLarge, invalidArgument, missingProperty } from './errors.js';

// Revisions and positions as callers send them: unsigned, 64 bits.

/** The largest number of 64 bits: the end in reads, "no stream" where a revision is expected. */
const NONE = 2n ** 64n - 1n;

/** @throws a refusal for a number between the largest revision and NONE */
export function unlessNone<T>(text: string, none: T, refuse = invalidArgument): bigint | T {
  const value = BigInt.asUintN(64, BigInt(text));
  if (value === NONE) return none;
  if (value > DELETED) throw refuse(`Expected a number of at most ${DELETED}, got ${value}`);
  return value;
}

/** `$$` */
const METASTREAM_BYTES = 2;

const JSON_CONTENT = 'application/json';
/** With hyphens or without them, bare, in braces or in parentheses. */
const UUID = /^([({]?)([0-9a-f]{8})(-?)([0-9a-f]{4})\3([0-9a-f]{4})\3([0-9a-f]{4})\3([0-9a-f]{12})([)}]?)$/;
const BRACKETS = ['', '{}', '()'];
const NO_ID = '00000000-0000-0000-0000-000000000000';

type Proposed = Streams.AppendReq.ProposedMessage | Streams.BatchAppendReq.ProposedMessage;

type NameLimits = Pick<
  Limits,
  'maxStreamNameBytes' | 'maxEventTypeBytes' | 'maxAppendBytes' | 'maxAppendMetadataBytes'
>;

/** @throws a refusal for what no stream can be called */
export function streamName(
  identifier: Shared.StreamIdentifier | undefined,
  limits: NameLimits,
  refuse = invalidArgument,
): string {
  return nameOf(Buffer.from(identifier?.getStreamName_asU8() ?? []), limits, refuse);
}

function nameOf(bytes: Buffer, limits: NameLimits, refuse: typeof invalidArgument): string {
  const name = bytes.toString('utf8');
  if (name === '' || name === '$$') throw refuse(`Expected a stream name, got '${name}'`);
  const ownBytes = bytes.length - (isMetastream(name) ? METASTREAM_BYTES : 0);
  if (ownBytes > limits.maxStreamNameBytes) {
    throw invalidArgument(`Expected a stream name of at most ${limits.maxStreamNameBytes} bytes, got ${ownBytes}`);
  }
  if (name.includes('\0')) throw invalidArgument('Expected a stream name without NUL characters');
  return name;
}

/** The name of a stream that may be written to. */
export function writableStreamName(
  identifier: Shared.StreamIdentifier | undefined,
  limits: NameLimits,
  refuse = invalidArgument,
): string {
  return writable(streamName(identifier, limits, refuse));
}

/** The same of a name that came as bytes. */
export const writableNameOf = (bytes: Buffer, limits: NameLimits): string =>
  writable(nameOf(bytes, limits, invalidArgument));

function writable(name: string): string {
  if (name === '$all') throw invalidArgument('$all cannot be written to');
  return name;
}

type Given = Omit<ProposedEvent, 'id'> & Readonly<{ id: string | Shared.UUID | undefined }>;

/** The events of one append, checked; `add` throws a refusal at the first that cannot be taken. */
export class ProposedEvents {
  readonly events: ProposedEvent[] = [];
  private dataBytes = 0;
  private otherBytes = 0;

  constructor(private readonly limits: NameLimits) {}

  add(message: Proposed): void {
    const properties = message.getMetadataMap();
    const type = properties.get('type');
    const contentType = properties.get('content-type');
    if (type === undefined) throw missingProperty('type');
    if (contentType === undefined) throw missingProperty('content-type');
    this.take({
      ...{ id: message.getId(), type, json: contentType === JSON_CONTENT },
      ...{ data: message.getData_asU8(), metadata: message.getCustomMetadata_asU8() },
    });
  }

  /** The same of an event whose properties are known; an id that is a text is a UUID in its usual form. */
  take({ id: given, type, json, data, metadata }: Given): void {
    if (type === '') throw invalidArgument('Expected an event type, got an empty one');
    if (type.includes('\0')) throw invalidArgument('Expected an event type without NUL characters');
    if (Buffer.byteLength(type) > this.limits.maxEventTypeBytes) {
      throw invalidArgument(
        `Expected an event type of at most ${this.limits.maxEventTypeBytes} bytes, got ${Buffer.byteLength(type)}`,
      );
    }
    const id = typeof given === 'string' ? given : parseUuid(given);
    if (id === NO_ID) throw invalidArgument('Expected an event id, got the UUID of zeros');
    const event: ProposedEvent = { id, type, json, data, metadata };
    const { maxAppendBytes, maxAppendMetadataBytes } = this.limits;
    this.dataBytes += event.data.length;
    this.otherBytes += sizeOf(event) - event.data.length;
    if (this.dataBytes > maxAppendBytes) throw appendTooLarge(maxAppendBytes);
    if (this.otherBytes > maxAppendMetadataBytes) throw appendTooLarge(maxAppendMetadataBytes);
    this.events.push(event);
  }
}

export const streamIdentifier = (name: string) =>
  new shared.StreamIdentifier().setStreamName(Buffer.from(name, 'utf8'));

/** In its usual form, lower case. */
export function parseUuid(message: Shared.UUID | undefined): string {
  const structured = message?.getStructured();
  const text = structured
    ? [structured.getMostSignificantBits(), structured.getLeastSignificantBits()]
        .map((half) => BigInt.asUintN(64, BigInt(half)).toString(16).padStart(16, '0'))
        .join('')
    : (message?.getString().trim().toLowerCase() ?? '');
  if (isUsualUuid(text)) return text;
  const [, open, a, hyphen, b, c, d, e, close] = UUID.exec(text) ?? [];
  const brackets = `${open}${close}`;
  // In brackets there are always hyphens.
  if (!a || !BRACKETS.includes(brackets) || (brackets !== '' && hyphen === ''))
    throw invalidArgument(`Expected a UUID, got '${text.slice(0, 100)}'`);
  return `${a}-${b}-${c}-${d}-${e}`;
}
