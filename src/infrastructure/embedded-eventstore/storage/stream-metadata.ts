import { DELETED } from '../wire/records.js';

/** What the node itself honours of a stream's metadata; the rest it only keeps. */
type StreamMetadata = Readonly<{
  truncateBefore?: bigint;
  maxCount?: bigint;
  maxAgeSeconds?: number;
}>;

/** Who may do what: by `$r`, `$w`, `$d`, `$mr` and `$mw` a name or a list of them. */
export type Acl = Readonly<Record<string, unknown>>;

/** Metadata of which one known key is not what it should be count as none at all, as EventStoreDB has it. */
export function parseMetadata(bytes: Uint8Array | null | undefined): StreamMetadata {
  const raw = parseJson(bytes);
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

/** @param bytes of metadata that count, or of none */
export function aclOf(bytes: Uint8Array): Acl {
  const raw = parseJson(bytes);
  return isWellFormed(raw) && isObject(raw.$acl) ? raw.$acl : {};
}

export const deletedMetadata = () => Buffer.from(`{"$tb":${DELETED}}`);

/** The metadata of a deleted stream that is written to again: as it was, but visible from `revision` on. */
export function undeletedMetadata(bytes: Uint8Array | null | undefined, revision: bigint): Buffer {
  return Buffer.from(JSON.stringify({ ...parseJson(bytes), $tb: Number(revision) }));
}

type Known = Readonly<{ $tb?: number; $maxCount?: number; $maxAge?: number; $acl?: object }>;

function isWellFormed(raw: Record<string, unknown>): raw is Known {
  const integers = ['$tb', '$maxCount', '$maxAge', '$cacheControl'];
  return (
    integers.every((key) => !(key in raw) || Number.isInteger(raw[key])) && (!('$acl' in raw) || isObject(raw.$acl))
  );
}

/** The object that the bytes hold; an empty one where they hold none. */
export function parseJson(bytes: Uint8Array | null | undefined): Record<string, unknown> {
  if (!bytes || bytes.length === 0) return {};
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The first revision that can be read, as far as numbers say: `$maxAge` is a matter of the time of the read. */
export function firstVisible({ last, metadata: { truncateBefore = 0n, maxCount } }: StreamState): bigint {
  const counted = maxCount === undefined ? 0n : last - maxCount + 1n;
  return truncateBefore > counted ? truncateBefore : counted;
}

/** A stream as the writer sees it. `last` is -1 where there are no events. */
export type StreamHead = Readonly<{
  last: bigint;
  tombstoned: boolean;
  isSoftDeleted: boolean;
  hasMetadata: boolean;
}>;

/** The last revisions of a stream and of its metadata stream, with what the metadata say. */
export type StreamState = StreamHead &
  Readonly<{ metadata: StreamMetadata; rawMetadata: Uint8Array; lastMetadata: bigint }>;

export type StateRow = Readonly<{
  stream: string;
  last: string | null;
  last_metadata: string | null;
  metadata: Buffer | null;
  metadata_json: boolean | null;
}>;

export function stateOf(row: StateRow): StreamState {
  const last = row.last === null ? -1n : BigInt(row.last);
  const written = metadataState(row.metadata ?? new Uint8Array(), row.metadata_json ?? false);
  const { metadata, rawMetadata, isSoftDeleted } = written;
  return {
    last,
    tombstoned: last === DELETED,
    hasMetadata: row.last_metadata !== null,
    lastMetadata: row.last_metadata === null ? -1n : BigInt(row.last_metadata),
    metadata,
    rawMetadata,
    isSoftDeleted,
  };
}

/** Of metadata that were written as binary, EventStoreDB's writer sees whether they delete the stream; reads see nothing. */
export function metadataState(bytes: Uint8Array, json: boolean) {
  const parsed = parseMetadata(bytes);
  return { metadata: json ? parsed : {}, rawMetadata: bytes, isSoftDeleted: parsed.truncateBefore === DELETED };
}

/**
 * A metadata stream as a stream of its own: its latest event is all that can be read of it, whatever metadata it has itself. It
 * goes on when its stream is tombstoned, though nobody can read it then.
 */
export function metastreamState(state: StreamState): StreamState {
  return {
    ...{
      last: state.lastMetadata,
      tombstoned: state.lastMetadata === DELETED,
      isSoftDeleted: false,
      hasMetadata: false,
    },
    ...{ metadata: { maxCount: 1n }, rawMetadata: new Uint8Array(), lastMetadata: -1n },
  };
}
