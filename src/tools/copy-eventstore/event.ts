import { OWN_STREAM_PREFIXES } from '../../application/audit/audited-log.js';
import { keepPlace } from '../../application/log/recorded-place.js';
import { PROBE_STREAM } from '../../application/log/write-probe.js';

export type CopiedEvent = Readonly<{
  stream: string;
  id: string;
  type: string;
  contentType: string;
  data: Uint8Array;
  metadata: Uint8Array;
  revision: bigint;
  /** Commit position, in its own server's terms. */
  position: bigint;
  /** When its own server recorded it. */
  recordedAt: Date;
}>;

/** What is copied in which act; undefined for system streams and that of write probes, which each server keeps for itself. */
export function kindOf({ stream, type }: CopiedEvent): 'event' | 'metadata' | 'tombstone' | undefined {
  if (stream === `$$${PROBE_STREAM}`) return undefined;
  if (stream.startsWith('$$')) return stream.startsWith('$', 2) ? undefined : 'metadata';
  if (stream.startsWith('$') || stream === PROBE_STREAM) return undefined;
  return type === '$streamDeleted' ? 'tombstone' : 'event';
}

/** As the target is to have it: the metadata of the application's own events keep where and when they were recorded. */
export const asCopied = (event: CopiedEvent): CopiedEvent =>
  OWN_STREAM_PREFIXES.some((prefix) => event.stream.startsWith(prefix))
    ? { ...event, metadata: keepPlace(event.metadata, event.contentType === 'application/json', event) }
    : event;

/** As servers count it against the limit of an append. */
export const sizeOf = ({ type, data, metadata }: CopiedEvent) => type.length + data.length + metadata.length;

export class Conflict extends Error {}

/** @throws Conflict that names the stream, what was expected there and what was found */
export function checkSame(expected: CopiedEvent | undefined, found: CopiedEvent | undefined): void {
  if (!expected && !found) return;
  const different = expected && found ? FIELDS.find((field) => !same(expected[field], found[field])) : 'event';
  if (different) throw conflict(different, expected, found);
}

export function conflict(what: string, expected: CopiedEvent | undefined, found: CopiedEvent | undefined): Conflict {
  const stream = (expected ?? found)?.stream ?? '';
  return new Conflict(
    `The target differs in ${what} at stream "${stream}": expected ${shown(expected)}, found ${shown(found)}. ` +
      'The target must hold nothing but what a copy of this source wrote; use an empty one.',
  );
}

/** @param last revision before it, -1 for none */
export const gap = ({ stream, revision }: Pick<CopiedEvent, 'stream' | 'revision'>, last: bigint) =>
  new Error(
    `Stream "${stream}" of the source goes on at revision ${revision} where ${last + 1n} was expected: events were ` +
      'scavenged, and a stream cannot be written with gaps. Copy from a backup of before the scavenge.',
  );

const FIELDS = ['stream', 'revision', 'id', 'type', 'contentType', 'data', 'metadata'] as const;

const same = (one: string | bigint | Uint8Array, other: string | bigint | Uint8Array) =>
  one instanceof Uint8Array && other instanceof Uint8Array ? Buffer.compare(one, other) === 0 : one === other;

const shown = (event: CopiedEvent | undefined) =>
  event
    ? `"${event.stream}" revision ${event.revision}, id ${event.id}, type ${event.type}, ${event.contentType}, ` +
      `${event.data.length} bytes of data, ${event.metadata.length} of metadata`
    : 'nothing';

export type CopyLimits = Readonly<{
  /** How long a server may say nothing while an answer is due. */
  idleMs: number;
  /** Stream metadata and tombstones of one log, kept in memory until its events are copied. */
  keptEvents: number;
  keptBytes: number;
  /** Of types, data and metadata in one append; an event with more goes alone. Servers take 1 MiB. */
  appendBytes: number;
  appendEvents: number;
  appendsInFlight: number;
  bytesInFlight: number;
}>;

const MIB = 1024 * 1024;

export const copyLimits: CopyLimits = {
  idleMs: 60_000,
  keptEvents: 200_000,
  keptBytes: 128 * MIB,
  appendBytes: 512 * 1024,
  appendEvents: 100,
  appendsInFlight: 64,
  bytesInFlight: 16 * MIB,
};

/** More than can have been in flight when an append was refused: what was is a little more than `bytesInFlight`. */
export const isBeyond = (limits: CopyLimits, events: number, bytes: number) =>
  events > limits.appendsInFlight * limits.appendEvents || bytes > 2 * limits.bytesInFlight;
