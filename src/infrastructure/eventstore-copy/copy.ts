/**
 * Copies a log in three acts: the events in the order of the source, then each stream's metadata, then the tombstones. Metadata
 * come late since a server writes metadata of its own when a deleted stream is appended to. What is there is compared, not
 * remembered: the target holds the beginning of the copy, so its own log says how far the copy got.
 */
import { checkSame, kindOf, type CopiedEvent } from './event.js';
import type { Server } from './server.js';
import { CopyWriter, MAX_APPEND_BYTES, MAX_APPEND_EVENTS } from './writer.js';

export type Progress = (act: 'copied' | 'verified', events: number, position: bigint, head: bigint) => void;

/** Up to the source's head of this moment. Returns the number of events written. @throws Conflict */
export async function copyLog(source: Server, target: Server, progress: Progress): Promise<number> {
  const head = (await source.head()) ?? -1n;
  const writer = new CopyWriter(target);
  try {
    const written = await walk(source, target, head, writer, (n, at) => progress('copied', n, at, head));
    await walk(source, target, head, undefined, (n, at) => progress('verified', n, at, head));
    return written;
  } finally {
    writer.close();
  }
}

/** Without a writer, what is missing in the target is an error. */
async function walk(
  source: Server,
  target: Server,
  head: bigint,
  writer: CopyWriter | undefined,
  progress: (events: number, position: bigint) => void,
): Promise<number> {
  const [wanted, there] = [new Rest(), new Rest()];
  const present = there.events(target, undefined);
  const revisions = new Map<string, bigint>();
  let [count, written] = [0, 0];
  let run: CopiedEvent[] = [];
  let bytes = 0;
  let found = await present.next();
  for await (const event of wanted.events(source, head)) {
    checkNoGap(event, revisions);
    progress((count += 1), event.position);
    if (!found.done || !writer) {
      checkSame(event, found.done ? undefined : found.value);
      found = await present.next();
      continue;
    }
    const size = event.data.length + event.metadata.length + event.type.length;
    if (run[0]?.stream !== event.stream || bytes + size > MAX_APPEND_BYTES || run.length >= MAX_APPEND_EVENTS) {
      await writer.append(run);
      [run, bytes] = [[], 0];
    }
    run.push(event);
    bytes += size;
    written += 1;
  }
  if (!found.done) checkSame(undefined, found.value);
  await writer?.append(run);
  await writer?.drained();
  return written + (await finish(wanted, there, target, writer));
}

async function finish(wanted: Rest, there: Rest, target: Server, writer: CopyWriter | undefined): Promise<number> {
  let written = 0;
  for (const [stream, events] of there.metadata) {
    const expected = wanted.metadata.get(stream) ?? [];
    events.forEach((event, at) => checkSame(expected[at], event));
  }
  for (const [stream, events] of wanted.metadata) {
    events.forEach((event, at) => checkNoGap(event, new Map([[stream, BigInt(at)]])));
    const missing = events.slice(there.metadata.get(stream)?.length ?? 0);
    if (!writer && missing[0]) checkSame(missing[0], undefined);
    // In one append: a server that is written to between two of them may add one of its own.
    await writer?.append(missing);
    written += missing.length;
  }
  await writer?.drained();
  for (const [stream, event] of there.tombstones) if (!wanted.tombstones.has(stream)) checkSame(undefined, event);
  for (const [stream, event] of wanted.tombstones) {
    if (there.tombstones.has(stream)) continue;
    if (!writer) checkSame(event, undefined);
    await target.tombstone(stream);
    written += 1;
  }
  return written;
}

/** Gives a log's events and keeps what comes after them: metadata and tombstones. */
class Rest {
  readonly metadata = new Map<string, CopiedEvent[]>();
  readonly tombstones = new Map<string, CopiedEvent>();

  async *events(server: Server, head: bigint | undefined): AsyncGenerator<CopiedEvent> {
    for await (const event of server.log()) {
      if (head !== undefined && event.position > head) return;
      const kind = kindOf(event);
      if (kind === 'event') yield event;
      else if (kind === 'tombstone') this.tombstones.set(event.stream, event);
      else if (kind === 'metadata') {
        const before = this.metadata.get(event.stream);
        if (before) before.push(event);
        else this.metadata.set(event.stream, [event]);
      }
    }
  }
}

function checkNoGap({ stream, revision }: CopiedEvent, revisions: Map<string, bigint>): void {
  const expected = revisions.get(stream) ?? 0n;
  if (revision !== expected) {
    throw new Error(
      `Stream "${stream}" of the source has revision ${revision} where ${expected} was expected: events were scavenged, and ` +
        'a stream cannot be written with gaps. Restore the source from a backup of before the scavenge to copy it.',
    );
  }
  revisions.set(stream, revision + 1n);
}
