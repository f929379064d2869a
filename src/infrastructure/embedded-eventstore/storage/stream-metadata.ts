import { DELETED } from '../wire/records.js';

/** What the node itself honours of a stream's metadata; the rest it only keeps. */
export type StreamMetadata = Readonly<{
  truncateBefore?: bigint;
  maxCount?: bigint;
  maxAgeSeconds?: number;
}>;

/** Metadata of which one known key is not what it should be count as none at all, as EventStoreDB has it. */
export function parseMetadata(bytes: Uint8Array | null | undefined): StreamMetadata {
  const raw = rawMetadata(bytes);
  if (!isWellFormed(raw)) return {};
  const { $tb, $maxCount, $maxAge } = raw;
  // JSON numbers lose the last digits of DELETED: only its own text is meant to be it.
  if (typeof $tb === 'number' && $tb >= Number(DELETED))
    return Buffer.from(bytes ?? []).includes(DELETED.toString()) ? { truncateBefore: DELETED } : {};
  return {
    ...($tb !== undefined && $tb >= 0 ? { truncateBefore: BigInt($tb) } : {}),
    ...($maxCount !== undefined && $maxCount > 0 ? { maxCount: BigInt($maxCount) } : {}),
    ...($maxAge !== undefined && $maxAge > 0 ? { maxAgeSeconds: $maxAge } : {}),
  };
}

export const deletedMetadata = () => Buffer.from(`{"$tb":${DELETED}}`);

/** The metadata of a deleted stream that is written to again: as it was, but visible from `revision` on. */
export function undeletedMetadata(bytes: Uint8Array | null | undefined, revision: bigint): Buffer {
  return Buffer.from(JSON.stringify({ ...rawMetadata(bytes), $tb: Number(revision) }));
}

type Known = Readonly<{ $tb?: number; $maxCount?: number; $maxAge?: number }>;

function isWellFormed(raw: Record<string, unknown>): raw is Known {
  const integers = ['$tb', '$maxCount', '$maxAge', '$cacheControl'];
  return (
    integers.every((key) => !(key in raw) || Number.isInteger(raw[key])) && (!('$acl' in raw) || isObject(raw.$acl))
  );
}

function rawMetadata(bytes: Uint8Array | null | undefined): Record<string, unknown> {
  if (!bytes || bytes.length === 0) return {};
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
