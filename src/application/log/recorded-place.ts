/**
 * Where an event stood, and when it was recorded, in the log that recorded it: a copy to another log keeps neither, and the
 * audit tree is made of both. So the copy keeps them in the event's metadata, from which every reader takes them out again.
 * A storage contract. What is kept here proves nothing by itself: only as far as a signed move covers the event.
 */
import type { RecordedEvent } from './event-log.js';

/** The member of the metadata. */
const KEPT = 'movedFrom';
const BEGINS = `{"${KEPT}":`;

export type RecordedPlace = Readonly<{ position: bigint; recordedAt: Date }>;

/** `metadata`: all of it in base64, where it could not take a member more. */
type Kept = Readonly<{ position: string; recordedAt: string; metadata?: string }>;

/** The event's metadata with its place in them; as they are where they hold one already, from an earlier copy. */
export const keepPlace = (metadata: Uint8Array, isJson: boolean, { position, recordedAt }: RecordedPlace): Buffer => {
  const bytes = Buffer.from(metadata);
  const text = bytes.toString('utf8');
  const place = { position: String(position), recordedAt: recordedAt.toISOString() };
  const value = parsed(text);
  if (isObject(value) && keptIn(value)) return bytes;
  const takesMember = isJson && isObject(value) && !(KEPT in value) && text.startsWith('{');
  if (!takesMember)
    return Buffer.from(JSON.stringify({ [KEPT]: { ...place, metadata: bytes.toString('base64') } satisfies Kept }));
  const others = Object.keys(value).length > 0 ? ',' : '';
  // The rest stays byte for byte: only what is inserted is new.
  return Buffer.concat([Buffer.from(`${BEGINS}${JSON.stringify(place)}${others}`), bytes.subarray(1)]);
};

/** The event as the log recorded it that took it first; itself where that is this log. */
export const asRecorded = (event: RecordedEvent): RecordedEvent => {
  const { metadata } = event;
  // The text is how the metadata of an event that is not JSON arrive.
  const isText = typeof metadata === 'string' && metadata.startsWith(BEGINS);
  const value = isText ? parsed(metadata) : metadata;
  const kept = isObject(value) ? keptIn(value) : undefined;
  if (!kept) return event;
  const { position, recordedAt, metadata: whole } = kept;
  return {
    ...event,
    metadata: whole === undefined ? without(value as object) : unwrapped(whole, isText),
    recordedAt: new Date(recordedAt),
    movedFrom: BigInt(position),
  };
};

/** Where the event stood when it was recorded: what the audit tree knows it by. */
export const recordedPosition = ({
  position,
  movedFrom,
}: Readonly<{ position: bigint; movedFrom?: bigint | undefined }>): bigint => movedFrom ?? position;

const keptIn = (metadata: object): Kept | undefined => {
  if (!(KEPT in metadata)) return undefined;
  const kept = metadata[KEPT];
  if (!isObject(kept)) return undefined;
  const { position, recordedAt, metadata: whole, ...more } = kept as Readonly<Record<string, unknown>>;
  const isPlace = typeof position === 'string' && /^\d{1,19}$/.test(position) && isInstant(recordedAt);
  if (!isPlace || Object.keys(more).length > 0) return undefined;
  return whole === undefined || typeof whole === 'string' ? (kept as Kept) : undefined;
};

const isInstant = (value: unknown): boolean => {
  const time = typeof value === 'string' ? new Date(value) : undefined;
  return time !== undefined && !Number.isNaN(time.getTime()) && time.toISOString() === value;
};

const without = (metadata: object): unknown => {
  const { [KEPT as keyof typeof metadata]: _kept, ...rest } = metadata;
  return rest;
};

/** As the reader would have it without the copy: nothing as null, and text where no JSON is expected. */
const unwrapped = (base64: string, asText: boolean): unknown => {
  const text = Buffer.from(base64, 'base64').toString('utf8');
  if (text === '') return null;
  return asText ? text : parsed(text, text);
};

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const parsed = (text: string, otherwise?: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return otherwise;
  }
};
