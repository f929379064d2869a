/**
 * What makes a history provable: each event carries the SHA-256 of its content and that of the event before it in its
 * stream. The formats are a storage contract; a verifier, here or elsewhere, computes the same.
 */
import { hash } from 'node:crypto';
import { canonicalJson, type Json, type JsonObject } from '../../domain/json.js';
import type { ExpectedRevision, NewEvent, RecordedEvent } from './event-log.js';

/** Hex. */
export const sha256 = (text: string): string => hash('sha256', text, 'hex');

/** SHA-256 (hex) of the value's canonical JSON. */
export const hashOf = (value: Json): string => sha256(canonicalJson(value));

/** Stands in each event's metadata. SHA-256, hex. `previousHash` is null in the first event of a stream. */
export type ChainLink = Readonly<{ hash: string; previousHash: string | null }>;

/** An event as it is made; what comes of it depends on the place that it gets. */
export type Unchained = Readonly<{
  event: NewEvent;
  /** Of its data. */
  dataHash: string;
  /** What it takes of an append, at most: servers count its data alone, or its metadata and type as well. */
  bytes: number;
}>;

/** Its id, its two hashes, its type in the protocol, names and lengths. */
const BYTES_BESIDE = 512;

type Content = Pick<RecordedEvent, 'stream' | 'revision' | 'id' | 'type' | 'data' | 'metadata'>;

/**
 * SHA-256 (hex) of the canonical JSON of an event: its stream, revision (as text), id, type, the SHA-256 of its data's
 * canonical JSON, and its metadata but for `hash`.
 */
export const eventHash = (event: Content): string => hashWith(event, hashOf(event.data as Json));

/** What the next event of the stream names as the one before it. Events without a hash of their own are counted in, too. */
export const linkOf = (event: Content): string => {
  const { hash } = (event.metadata ?? {}) as Partial<ChainLink>;
  return typeof hash === 'string' && isHash.test(hash) ? hash : eventHash(event);
};

const isHash = /^[0-9a-f]{64}$/;

/** What an event says, wherever it will stand, as one text: its id is made of it. */
export const contentOf = (type: string, dataHash: string, metadata: unknown): string =>
  canonicalJson({ data: dataHash, metadata: without('previousHash', bare(metadata)), type });

/** That text with the hash that stands in it, and the size of the event. */
export const measured = (type: string, data: Json, metadata: unknown) => {
  const text = canonicalJson(data);
  const dataHash = sha256(text);
  const content = contentOf(type, dataHash, metadata);
  return { dataHash, content, bytes: Buffer.byteLength(text) + Buffer.byteLength(content) + BYTES_BESIDE };
};

export const bytesOf = (events: readonly Unchained[]): number => events.reduce((sum, { bytes }) => sum + bytes, 0);

/** Puts each event behind the one before it. `after` is the link of the stream's last event, null where there is none. */
export const chained = (
  stream: string,
  events: readonly Unchained[],
  expected: ExpectedRevision,
  after: string | null,
): Readonly<{ events: readonly NewEvent[]; link: string | null }> => {
  let revision = expected === 'none' ? 0n : expected + 1n;
  let link = after;
  const linked = events.map(({ event: { id, type, data, metadata: given }, dataHash }) => {
    const metadata: Record<string, Json> = { ...(given as JsonObject), previousHash: link };
    metadata['hash'] = link = hashWith({ stream, revision: revision++, id, type, metadata }, dataHash);
    return { id, type, data, metadata };
  });
  return { events: linked, link };
};

const hashWith = ({ stream, revision, id, type, metadata }: Omit<Content, 'data'>, dataHash: string): string =>
  sha256(canonicalJson({ data: dataHash, id, metadata: bare(metadata), revision: String(revision), stream, type }));

const bare = (metadata: unknown): Json => without('hash', metadata as Json);

/** Itself where it has no such member. */
const without = (name: keyof ChainLink, value: Json): Json => {
  if (typeof value !== 'object' || value === null || (value as JsonObject)[name] === undefined) return value;
  const { [name]: _left, ...rest } = value as JsonObject;
  return rest;
};
