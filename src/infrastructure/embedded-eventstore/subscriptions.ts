/**
 * Subscriptions pull: each has a place in the log and asks for what comes after it, from memory when it is near the end,
 * from the database when it is not. A slow subscriber just asks later; nothing is kept for it.
 */
import type { FilterOptions } from './filter.js';
import type { Limits } from './limits.js';
import { filteredPage, plainPage, type From, type Page } from './log-reads.js';
import type { Outgoing } from './outgoing.js';
import { streams, type Encoded, type Streams } from './protocol.js';
import type { Reader } from './reader.js';
import type { StoredEvent } from './records.js';
import type { Tail } from './tail.js';

export type Log = Readonly<{ reader: Reader; tail: Tail; limits: Limits }>;

/** How events are put on the wire: links resolved or not, ids in the form that was asked for. */
export type Render = (events: readonly StoredEvent[]) => Promise<readonly Encoded[]>;

/** Everything after `from` (exclusive) until the caller leaves. */
export async function subscribeToAll(
  log: Log,
  from: From,
  filter: FilterOptions | undefined,
  render: Render,
  out: Outgoing,
): Promise<void> {
  let cursor = from === 'end' ? log.tail.last : from === 'start' ? 0n : from;
  let live = false;
  let looked = 0;
  let ahead: Readonly<{ from: bigint; page: Promise<Page> }> | undefined;
  while (!out.signal.aborted) {
    const near = log.tail.after(cursor, log.limits.pageEvents);
    if (near?.length === 0) {
      if (!live) await out.send(caughtUp());
      live = true;
      await log.tail.moreThan(cursor, out.signal, log.limits.idleCheckpointMs);
      if (log.tail.last <= cursor && filter && cursor > 0n) await out.send(checkpoint(cursor));
      continue;
    }
    if (!near && live) {
      live = false;
      await out.send(fellBehind());
    }
    const stored = () => (ahead?.from === cursor ? ahead.page : storedPage(log, cursor, filter));
    const page = near ? pageOf(near, filter) : await stored();
    ahead = near ? undefined : fetchAhead(log, page.upTo, filter);
    const messages = await render(page.events);
    const positions = page.events.map(({ position }) => position);
    let sent = 0;
    for (const { position } of page.scanned) {
      if (out.signal.aborted) return;
      const message = messages[sent];
      if (message && positions[sent] === position) {
        await out.send(message);
        sent += 1;
      }
      looked += 1;
      if (filter && looked % filter.checkpointEvery === 0) await out.send(checkpoint(position));
    }
    cursor = page.upTo;
  }
}

function pageOf(near: readonly StoredEvent[], filter: FilterOptions | undefined): Page {
  return { events: filter ? near.filter(filter.matches) : near, scanned: near, upTo: near.at(-1)?.position ?? 0n };
}

function storedPage({ reader, limits }: Log, cursor: bigint, filter: FilterOptions | undefined): Promise<Page> {
  if (!filter) return plainPage(reader, cursor, 'forwards', BigInt(limits.pageEvents));
  return filteredPage(reader, {
    position: cursor,
    direction: 'forwards',
    filter: filter.matches,
    limit: limits.scanEvents,
  });
}

/** The next page comes from the database while this one is sent. */
function fetchAhead(
  log: Log,
  from: bigint,
  filter: FilterOptions | undefined,
): Readonly<{ from: bigint; page: Promise<Page> }> {
  const page = storedPage(log, from, filter);
  page.catch(() => undefined); // it may not be asked for
  return { from, page };
}

export const caughtUp = () => new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp());
export const fellBehind = () => new streams.ReadResp().setFellBehind(new streams.ReadResp.FellBehind());

function checkpoint(position: bigint): Streams.ReadResp {
  const at = position.toString();
  return new streams.ReadResp().setCheckpoint(
    new streams.ReadResp.Checkpoint().setCommitPosition(at).setPreparePosition(at),
  );
}
