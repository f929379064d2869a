/**
 * Subscriptions pull: each has a place in the log and asks for what comes after it, from memory when it is near the end,
 * from the database when it is not. A slow subscriber just asks later; nothing is kept for it.
 */
import type { Limits } from '../limits.js';
import { RENDERED_EVENTS, sendAll, type Outgoing, type Render } from '../wire/outgoing.js';
import { streams, type Streams } from '../wire/protocol.js';
import type { Reader, Scanned } from '../storage/reader.js';
import { DELETED, isMetastream, originalOf, type StoredEvent } from '../wire/records.js';
import { streamDeleted } from '../wire/errors.js';
import { encodeOwnEvents } from '../wire/encode-answer.js';
import type { FilterOptions } from './filter.js';
import { plainPage, type From, type Page, readStream, StreamNotFound } from './log-reads.js';
import type { Caller, Searches } from './searches.js';
import type { Tail } from './tail.js';

export type Log = Readonly<{ reader: Reader; searches: Searches; tail: Tail; limits: Limits }>;

type AllSubscription = Readonly<{
  /** Exclusive. A place beyond the end is as good as the end. */
  from: From;
  filter: FilterOptions | undefined;
  /** The client whose events come as positions where they come from memory: its own. */
  leftOut: string | undefined;
}>;

/** Everything after a place until the caller leaves. */
export async function subscribeToAll(
  log: Log,
  { from, filter, leftOut }: AllSubscription,
  render: Render,
  out: Outgoing,
): Promise<void> {
  let cursor = from === 'start' ? 0n : from === 'end' || from > log.tail.last ? log.tail.last : from;
  let live = false;
  let looked = 0;
  let ahead: Readonly<{ from: bigint; page: Promise<Page> }> | undefined;
  while (!out.signal.aborted) {
    const near = log.tail.after(cursor, log.limits.pageEvents);
    if (near?.length === 0) {
      if (!live) await out.send(caughtUp());
      live = true;
      await log.tail.moreThan(cursor, out.signal);
      continue;
    }
    if (!near && live) {
      live = false;
      await out.send(fellBehind());
    }
    const stored = () => (ahead?.from === cursor ? ahead.page : storedPage(log, cursor, filter, out));
    const page = near ? await pageOf(log, near, filter, out) : await stored();
    ahead = undefined;
    const { events, scanned } = page;
    const sender = new Sender(near ? leftOut : undefined, render, out);
    // Of what is in memory the rest does not wait in another form.
    const most = near ? near.length : RENDERED_EVENTS;
    let [at, sent] = [0, 0];
    while (at < scanned.length && !out.signal.aborted) {
      // Not at once: for a client that does not read at all one page is kept, not two.
      if (!near && at >= scanned.length / 2) ahead ??= fetchAhead(log, page.upTo, filter, out);
      const untilCheckpoint = filter ? filter.checkpointEvery - (looked % filter.checkpointEvery) : most;
      const some = scanned.slice(at, at + Math.min(untilCheckpoint, most));
      const { position } = some.at(-1) as Scanned;
      const wanted = events.slice(sent).findIndex((event) => event.position > position);
      const until = wanted < 0 ? events.length : sent + wanted;
      await sender.send(events.slice(sent, until));
      [at, sent, looked] = [at + some.length, until, looked + some.length];
      if (!filter || looked % filter.checkpointEvery !== 0) continue;
      await sender.tell();
      await out.send(checkpoint(position));
    }
    await sender.tell();
    cursor = page.upTo;
  }
}

/** Sends events, but those of one appender: of a run of them their number and the position of the last. */
class Sender {
  private count = 0;
  private last = 0n;

  constructor(
    private readonly leftOut: string | undefined,
    private readonly render: Render,
    private readonly out: Outgoing,
  ) {}

  async send(events: readonly StoredEvent[]): Promise<void> {
    if (this.leftOut === undefined) return sendAll(events, this.render, this.out);
    let foreign = 0;
    for (const [index, event] of events.entries()) {
      if (event.appender !== this.leftOut) continue;
      if (foreign < index) await this.sendForeign(events.slice(foreign, index));
      [this.count, this.last] = [this.count + 1, event.position];
      foreign = index + 1;
    }
    if (foreign < events.length) await this.sendForeign(events.slice(foreign));
  }

  /** What was left out and not announced yet. */
  async tell(): Promise<void> {
    if (this.count === 0) return;
    const message = encodeOwnEvents(this.last, this.count);
    this.count = 0;
    await this.out.send(message);
  }

  private async sendForeign(events: readonly StoredEvent[]): Promise<void> {
    await this.tell();
    await sendAll(events, this.render, this.out);
  }
}

async function pageOf(
  { searches }: Log,
  near: readonly StoredEvent[],
  filter: FilterOptions | undefined,
  caller: Caller,
): Promise<Page> {
  const events = filter ? await searches.among(near, filter.filter, caller) : near;
  return { events, scanned: near, upTo: near.at(-1)?.position ?? 0n };
}

function storedPage(
  { reader, searches, limits }: Log,
  cursor: bigint,
  filter: FilterOptions | undefined,
  caller: Caller,
): Promise<Page> {
  if (!filter) return plainPage(reader, cursor, 'forwards', BigInt(limits.pageEvents));
  return searches.page({ position: cursor, direction: 'forwards', filter: filter.filter }, caller);
}

/** The next page comes from the database while the rest of this one is sent. */
function fetchAhead(
  log: Log,
  from: bigint,
  filter: FilterOptions | undefined,
  caller: Caller,
): Readonly<{ from: bigint; page: Promise<Page> }> {
  const page = storedPage(log, from, filter, caller);
  page.catch(() => undefined); // it may not be asked for
  return { from, page };
}

const caughtUp = () => new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp());
const fellBehind = () => new streams.ReadResp().setFellBehind(new streams.ReadResp.FellBehind());

function checkpoint(position: bigint): Streams.ReadResp {
  const at = position.toString();
  return new streams.ReadResp().setCheckpoint(
    new streams.ReadResp.Checkpoint().setCommitPosition(at).setPreparePosition(at),
  );
}

// A subscription to one stream: its events from the database until it has caught up, then from the newest of the log.

/**
 * The events of one stream after revision `from` (exclusive) until the caller leaves. The stream need not exist yet: a caller
 * that asks for its past then hears that it has caught up when the stream begins, one that asks for its end at once.
 */
export async function subscribeToStream(
  log: Log,
  stream: string,
  from: From,
  render: Render,
  out: Outgoing,
): Promise<void> {
  let cursor = from === 'start' ? -1n : from === 'end' ? await lastRevision(log, stream) : from;
  let hasBegun = from === 'end';
  while (!out.signal.aborted) {
    // Everything up to here is in the database, so the search of the tail begins here.
    let position = log.tail.last;
    try {
      for await (const page of readStream(log.reader, pastOf(stream, cursor))) {
        await sendAll(page, render, out);
        cursor = page.at(-1)?.revision ?? cursor;
        if (out.signal.aborted) return;
      }
      hasBegun = true;
    } catch (error) {
      if (!(error instanceof StreamNotFound) && !(hasBegun && cursor === DELETED)) throw error;
    }
    if (hasBegun) await out.send(caughtUp());
    while (!out.signal.aborted) {
      const near = log.tail.after(position, log.limits.pageEvents);
      if (!near) {
        if (hasBegun) await out.send(fellBehind());
        break;
      }
      if (near.length === 0) await log.tail.moreThan(position, out.signal);
      const fresh = near.filter((event) => event.stream === stream);
      const wanted = fresh.filter(({ revision }) => revision > cursor);
      const isTombstoned = wanted.at(-1)?.revision === DELETED;
      if (hasBegun || !isTombstoned) await sendAll(wanted, render, out);
      if (isTombstoned) throw streamDeleted(stream);
      if (!hasBegun && fresh.length > 0) {
        hasBegun = true;
        await out.send(caughtUp());
      }
      cursor = wanted.at(-1)?.revision ?? cursor;
      position = near.at(-1)?.position ?? position;
    }
  }
}

const pastOf = (stream: string, after: bigint) =>
  ({ stream, from: after + 1n, direction: 'forwards', count: DELETED }) as const;

/** Of a tombstoned stream that of its tombstone: nothing comes after it. */
async function lastRevision({ reader }: Log, stream: string): Promise<bigint> {
  const original = await reader.state(originalOf(stream));
  if (original.tombstoned) return DELETED;
  return isMetastream(stream) ? original.lastMetadata : original.last;
}
