import { DELETED } from './records.js';

/** What the node itself honours of a stream's metadata; the rest it only keeps. */
export type StreamMetadata = Readonly<{
  truncateBefore?: bigint;
  maxCount?: bigint;
  maxAgeSeconds?: number;
}>;

export function parseMetadata(bytes: Uint8Array | null | undefined): StreamMetadata {
  const raw = rawMetadata(bytes);
  const truncateBefore = positive(raw.$tb);
  const maxCount = positive(raw.$maxCount);
  const maxAge = positive(raw.$maxAge);
  return {
    ...(truncateBefore === undefined ? {} : { truncateBefore }),
    ...(maxCount ? { maxCount } : {}),
    ...(maxAge ? { maxAgeSeconds: Number(maxAge) } : {}),
  };
}

export const deletedMetadata = () => Buffer.from(`{"$tb":${DELETED}}`);

/** The metadata of a deleted stream that is written to again: as it was, but visible from `revision` on. */
export function undeletedMetadata(bytes: Uint8Array | null | undefined, revision: bigint): Buffer {
  return Buffer.from(JSON.stringify({ ...rawMetadata(bytes), $tb: Number(revision) }));
}

function rawMetadata(bytes: Uint8Array | null | undefined): Record<string, unknown> {
  if (!bytes || bytes.length === 0) return {};
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}

/** JSON numbers lose the last digits of DELETED: anything that large is meant to be it. */
function positive(value: unknown): bigint | undefined {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) return undefined;
  return value >= Number(DELETED) ? DELETED : BigInt(value);
}
