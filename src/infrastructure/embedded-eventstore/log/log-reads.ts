/** Reads as callers see them: `$all` as it was written, a stream as its metadata allow. Page by page, ends included. */
import type { Filter } from './filter.js';
import type { Direction, Reader, Scanned } from '../storage/reader.js';
import { firstVisible, metastreamState, type StreamState } from '../storage/stream-metadata.js';
import type { Sendable } from '../wire/encode-event.js';
import { DELETED, isMetastream, LINK_TYPE, originalOf, type StoredEvent } from '../wire/records.js';
import { readFailed, streamDeleted } from '../wire/errors.js';

export type From = bigint | 'start' | 'end';

/** There is no such stream, or it was deleted. */
export class StreamNotFound extends Error {}

/** The revisions and the age that a read may see. */
type Visible = Readonly<{ first: bigint; last: bigint; since: number }>;

/** @throws StreamNotFound, or a refusal when the stream is tombstoned */
async function visible(reader: Reader, stream: string): Promise<Visible> {
  const original = await reader.state(originalOf(stream));
  const state = isMetastream(stream) ? metastreamState(original) : original;
  if (original.tombstoned || state.tombstoned) throw streamDeleted(stream);
  if (state.last < 0n || state.metadata.truncateBefore === DELETED) throw new StreamNotFound(stream);
  return visibleOf(state, Date.now());
}

/** @throws a refusal */
export async function refuseTombstoned(reader: Reader, stream: string): Promise<void> {
  const original = await reader.state(originalOf(stream));
  if (original.tombstoned || (isMetastream(stream) && metastreamState(original).tombstoned))
    throw streamDeleted(stream);
}

function visibleOf(state: StreamState, now: number): Visible {
  const { maxAgeSeconds } = state.metadata;
  return {
    first: firstVisible(state),
    last: state.last,
    since: maxAgeSeconds === undefined ? 0 : now - maxAgeSeconds * 1_000,
  };
}

type StreamRead = Readonly<{ stream: string; from: From; direction: Direction; count: bigint }>;

/** `from` is read itself. */
export async function* readStream(reader: Reader, read: StreamRead): AsyncGenerator<readonly StoredEvent[]> {
  const { first, last, since } = await visible(reader, read.stream);
  const forwards = read.direction === 'forwards';
  let next = read.from === 'start' ? 0n : read.from === 'end' ? last : read.from;
  if (!forwards && next > last) next = last;
  if (forwards && next < first) next = first;
  let left = read.count;
  while (left > 0n && next >= first && next <= last) {
    const to = forwards ? last : first;
    const page = await reader.stream({
      stream: read.stream,
      from: next,
      to,
      since,
      direction: read.direction,
      limit: toLimit(left),
    });
    const latest = page.at(-1);
    if (!latest) return;
    yield page;
    left -= BigInt(page.length);
    next = forwards ? latest.revision + 1n : latest.revision - 1n;
  }
}

type AllRead = Readonly<{ from: From; direction: Direction; count: bigint; filter?: Filter | undefined }>;

/**
 * Forwards from an event's position reads that event; backwards from it, what comes before it.
 * @throws a refusal for a position that no event has; beyond the end, forwards, there is nothing
 */
export async function* readAll(
  reader: Reader,
  search: (wanted: Omit<Search, 'limit'>) => Promise<Page>,
  read: AllRead,
  signal: AbortSignal,
): AsyncGenerator<readonly StoredEvent[]> {
  const forwards = read.direction === 'forwards';
  if (read.from === (forwards ? 'end' : 'start')) return;
  let position = forwards ? startOf(read.from, 1n) - 1n : startOf(read.from, DELETED);
  const from = typeof read.from === 'bigint' && read.from > 0n ? read.from : undefined;
  if (from !== undefined && !forwards && !(await reader.has(from))) throw noEventAt(from);
  let left = read.count;
  // A filter that nothing passes searches the whole log: not for a caller that has left.
  while (left > 0n && !signal.aborted) {
    const { events, scanned, upTo } = read.filter
      ? await search({ position, direction: read.direction, filter: read.filter })
      : await plainPage(reader, position, read.direction, left);
    if (scanned.length === 0) return;
    if (from !== undefined && forwards && position < from && scanned[0]?.position !== from) throw noEventAt(from);
    const wanted = events.slice(0, toLimit(left));
    if (wanted.length > 0) yield wanted;
    left -= BigInt(wanted.length);
    position = upTo;
  }
}

const noEventAt = (position: bigint) =>
  readFailed('ReadAllResult', `Expected the position of an event, got ${position}`);

/** Some events, those that were looked at to find them, and the position up to which nothing was passed over. */
export type Page = Readonly<{ events: readonly StoredEvent[]; scanned: readonly Scanned[]; upTo: bigint }>;

export async function plainPage(reader: Reader, position: bigint, direction: Direction, left: bigint): Promise<Page> {
  const events = await reader.all(position, direction, toLimit(left));
  return { events, scanned: events, upTo: events.at(-1)?.position ?? position };
}

export type Search = Readonly<{ position: bigint; direction: Direction; filter: Filter; limit: number }>;

/** Looks at names and types first, and brings the bodies of those alone that match. */
export async function filteredPage(
  reader: Reader,
  { position, direction, limit }: Search,
  choose: (scanned: readonly Scanned[]) => Promise<readonly Scanned[]>,
): Promise<Page> {
  const scanned = await reader.scan(position, direction, limit);
  const wanted = (await choose(scanned)).map((event) => event.position);
  const events = wanted.length > 0 ? await reader.fetch(wanted, direction) : [];
  const latest = events.at(-1);
  if (events.length === wanted.length || !latest)
    return { events, scanned, upTo: scanned.at(-1)?.position ?? position };
  // The bodies did not fit into one page: what was looked at beyond the last of them is looked at again.
  const cut = scanned.findIndex((event) => event.position === latest.position);
  return { events, scanned: scanned.slice(0, cut + 1), upTo: latest.position };
}

const startOf = (from: From, otherwise: bigint) => (typeof from === 'bigint' ? from : otherwise);

const toLimit = (count: bigint) => Number(count > 1_000_000n ? 1_000_000n : count);

/** Puts the events that links point to beside the links. A link whose target cannot be read stays alone. */
export async function resolveLinks(reader: Reader, events: readonly StoredEvent[]): Promise<readonly Sendable[]> {
  const links = new Map(events.filter(({ type }) => type === LINK_TYPE).map((event) => [event, linkOf(event)]));
  if (links.size === 0) return events.map((event) => ({ event }));
  const named = [...links.values()].filter((link) => link !== undefined);
  const states = await reader.states([...new Set(named.map(({ stream }) => originalOf(stream)))]);
  const targets = new Map([...links].map(([event, link]) => [event, link && targetOf(link, states)]));
  const found = new Map<string, StoredEvent>();
  for (const event of await reader.places([...targets.values()].filter((target) => target !== undefined)))
    if (isVisible(event, states)) found.set(keyOf(event), event);
  return events.map((event) => {
    if (!links.get(event)) return { event };
    const target = targets.get(event);
    return { event: target && found.get(keyOf(target)), link: event };
  });
}

type Link = Readonly<{ stream: string; revision: bigint }>;
type States = ReadonlyMap<string, StreamState>;

/** A link's data are `<revision>@<stream>`. What does not begin like that is an event as any other, whatever its type says. */
function linkOf({ data }: StoredEvent): Link | undefined {
  const [, number, stream = ''] = /^\s*([+-]?\d+)\s*(?:@(.*))?$/s.exec(Buffer.from(data).toString('utf8')) ?? [];
  if (number === undefined) return undefined;
  const revision = BigInt(number.replace(/^\+/, ''));
  return revision > DELETED || revision < -DELETED - 1n ? undefined : { stream, revision };
}

/** Where the event is that a link points to: -1 stands for the last of the stream. Undefined where there can be none. */
function targetOf({ stream, revision }: Link, states: States): Link | undefined {
  if (stream === '' || stream.includes('\0') || revision < LAST) return undefined;
  if (revision !== LAST) return { stream, revision };
  const state = states.get(originalOf(stream));
  const last = (state && isMetastream(stream) ? metastreamState(state) : state)?.last ?? -1n;
  return last < 0n ? undefined : { stream, revision: last };
}

const LAST = -1n;

function isVisible({ stream, revision, created }: StoredEvent, states: States): boolean {
  const state = states.get(originalOf(stream));
  if (!state || state.tombstoned || state.metadata.truncateBefore === DELETED) return false;
  if (isMetastream(stream)) return true;
  const { first, since } = visibleOf(state, Date.now());
  return revision >= first && created >= since;
}

const keyOf = ({ stream, revision }: Link) => `${revision}@${stream}`;
