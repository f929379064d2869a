/** One way through both logs, in three acts. Without `runs` nothing is written, and what the target lacks is an error. */
import { checkSame, Conflict, conflict, kindOf, sizeOf, type CopiedEvent } from './event.js';
import { isBeyond, type CopyLimits } from './limits.js';
import type { LogSide } from './log-side.js';
import { Lookahead } from './lookahead.js';
import type { Runs } from './runs.js';

/** `place` of `end` is done: positions of the source's log, or a number of streams. `events` counts this act's alone. */
export type Step = Readonly<{
  act: 'compared' | 'copied' | 'metadata' | 'tombstones' | 'verified';
  events: number;
  place: bigint;
  end: bigint;
}>;
export type Pass = Readonly<{
  source: LogSide;
  target: LogSide;
  /** Position of the source's last event to copy. */
  head: bigint;
  runs?: Runs;
  limits: CopyLimits;
  report: (step: Step) => void;
}>;

export async function events(pass: Pass): Promise<void> {
  const there = new Lookahead(pass.target.events(), pass.limits);
  try {
    await compareOrWrite(pass, there);
  } finally {
    await there.close();
  }
}

async function compareOrWrite(pass: Pass, there: Lookahead): Promise<void> {
  const { source, head, runs, limits, report } = pass;
  /** What the target lacks, held back while the target has later events that are not known to be the source's. */
  const held: CopiedEvent[] = [];
  let [compared, copied, bytes] = [0, 0, 0];
  for await (const event of source.events(head)) {
    const found = there.settled ? undefined : await there.find(event);
    if (found) {
      checkSame(event, found);
      report({ act: runs ? 'compared' : 'verified', events: (compared += 1), place: event.position, end: head });
      const before = held.find(({ stream }) => stream === event.stream);
      if (before) throw conflict('event', before, undefined);
    } else {
      if (!runs) throw conflict('event', event, undefined);
      held.push(event);
      bytes += sizeOf(event);
    }
    if (!runs || held.length === 0) continue;
    if (isBeyond(limits, held.length, bytes)) await there.checkEnd(held[0]);
    if (!there.settled) continue;
    if (copied === 0) await checkNoneRevived(pass, held[0]);
    for (const missing of held) await runs.add(missing);
    // So that no later event can be in flight with one that was refused before.
    if (held.length > 1) await runs.flush();
    copied += held.splice(0).length;
    bytes = 0;
    report({ act: 'copied', events: copied, place: event.position, end: head });
  }
  await there.checkEnd(held[0]);
  await runs?.flush();
}

/** @throws Conflict before anything is written: the target would add metadata of its own */
async function checkNoneRevived({ source, target, head }: Pass, first: CopiedEvent | undefined): Promise<void> {
  const deleted = target.deleted();
  if (!first || deleted.size === 0) return;
  for await (const event of source.server.log()) {
    if (event.position > head) return;
    if (event.position < first.position || kindOf(event) !== 'event' || !deleted.has(event.stream)) continue;
    throw new Conflict(
      `Stream "${event.stream}" was deleted when it was copied, and the source has written to it since (revision ` +
        `${event.revision}). The target would add metadata of its own. Nothing was written; copy to an empty target.`,
    );
  }
}

export async function metadata({ source, target, runs, report }: Pass): Promise<void> {
  for (const [stream, found] of target.metadata) {
    const wanted = source.metadata.get(stream) ?? [];
    found.forEach((event, at) => checkSame(wanted[at], event));
  }
  let [streams, written] = [0, 0];
  for (const [stream, wanted] of source.metadata) {
    for (const event of wanted.slice(target.metadata.get(stream)?.length ?? 0)) {
      if (!runs) throw conflict('event', event, undefined);
      await runs.add(event);
      written += 1;
    }
    streams += 1;
    if (runs) report({ act: 'metadata', events: written, place: BigInt(streams), end: BigInt(source.metadata.size) });
  }
  await runs?.flush();
}

/** Returns how many were written. */
export async function tombstones({ source, target, runs, report }: Pass): Promise<number> {
  for (const [stream, event] of target.tombstones) if (!source.tombstones.has(stream)) checkSame(undefined, event);
  let [streams, written] = [0, 0];
  for (const [stream, event] of source.tombstones) {
    streams += 1;
    if (target.tombstones.has(stream)) continue;
    if (!runs) throw conflict('event', event, undefined);
    await target.server.tombstone(stream);
    written += 1;
    report({ act: 'tombstones', events: written, place: BigInt(streams), end: BigInt(source.tombstones.size) });
  }
  return written;
}
