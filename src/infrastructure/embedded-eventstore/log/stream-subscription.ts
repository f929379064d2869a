/** A subscription to one stream: its events from the database until it has caught up, then from the newest of the log. */
import { readStream, StreamNotFound, visible, type From } from './log-reads.js';
import { sendAll, type Outgoing, type Render } from '../wire/outgoing.js';
import { DELETED, type StoredEvent } from '../wire/records.js';
import { caughtUp, fellBehind, type Log } from './subscriptions.js';
import { streamDeleted } from '../wire/errors.js';

/** The events of one stream after revision `from` (exclusive) until the caller leaves. The stream need not exist yet. */
export async function subscribeToStream(
  log: Log,
  stream: string,
  from: From,
  render: Render,
  out: Outgoing,
): Promise<void> {
  let cursor = from === 'start' ? -1n : from === 'end' ? await lastRevision(log, stream) : from;
  while (!out.signal.aborted) {
    // Everything up to here is in the database, so the search of the tail begins here.
    let position = log.tail.last;
    for await (const page of existing(log, stream, cursor + 1n)) {
      await sendAll(page, render, out);
      cursor = page.at(-1)?.revision ?? cursor;
      if (out.signal.aborted) return;
    }
    await out.send(caughtUp());
    while (!out.signal.aborted) {
      const near = log.tail.after(position, log.limits.pageEvents);
      if (!near) {
        await out.send(fellBehind());
        break;
      }
      if (near.length === 0) await log.tail.moreThan(position, out.signal, log.limits.idleCheckpointMs);
      const fresh = near.filter((event) => event.stream === stream && event.revision > cursor);
      if (fresh.some(({ revision }) => revision === DELETED)) throw streamDeleted(stream);
      await sendAll(fresh, render, out);
      cursor = fresh.at(-1)?.revision ?? cursor;
      position = near.at(-1)?.position ?? position;
    }
  }
}

async function* existing(log: Log, stream: string, from: bigint): AsyncGenerator<readonly StoredEvent[]> {
  try {
    yield* readStream(log.reader, { stream, from, direction: 'forwards', count: DELETED });
  } catch (error) {
    if (!(error instanceof StreamNotFound)) throw error;
  }
}

async function lastRevision(log: Log, stream: string): Promise<bigint> {
  try {
    return (await visible(log.reader, stream)).last;
  } catch (error) {
    if (error instanceof StreamNotFound) return -1n;
    throw error;
  }
}
