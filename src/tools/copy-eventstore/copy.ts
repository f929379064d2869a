/**
 * Copies a log in three acts: the events in the order of the source, then each stream's metadata, then the tombstones. Metadata
 * come late since a server writes metadata of its own when a deleted stream is appended to. What is there is compared, not
 * remembered: the target holds the beginning of the copy, so its own log says how far the copy got.
 */
import {
  copyLimits,
  type CopyLimits,
  checkSame,
  Conflict,
  conflict,
  kindOf,
  sizeOf,
  type CopiedEvent,
  isBeyond,
} from './event.js';
import { LogSide, type Server } from './server.js';
import { Runs, CopyWriter } from './writer.js';

/**
 * Up to the source's head of this moment, then compares both logs from their start. Returns the number of events written.
 * @throws Conflict where the target holds something else
 * @throws Lost where a server went away: the same call goes on where this one stopped
 */
export async function copyLog(
  source: Server,
  target: Server,
  report: (step: Step) => void,
  limits: CopyLimits = copyLimits,
): Promise<number> {
  const head = (await source.head()) ?? -1n;
  const writer = new CopyWriter(target, limits);
  const pass = async (runs?: Runs) => {
    const sides = { source: new LogSide(source, limits), target: new LogSide(target, limits) };
    const both = { ...sides, head, limits, report, ...(runs ? { runs } : {}) };
    await events(both);
    await metadata(both);
    return tombstones(both);
  };
  try {
    const runs = new Runs(writer, limits);
    const ended = await pass(runs);
    await pass();
    return runs.written + ended;
  } finally {
    writer.close();
  }
}

// One way through both logs, in three acts. Without `runs` nothing is written, and what the target lacks is an error.

/**
 * The target's events, asked for in the order of the source. A server may refuse one append and take others that were in
 * flight with it; so what comes early is held, within what can be in flight, until its turn.
 */

class Lookahead {
  private readonly early = new Map<string, CopiedEvent>();
  private bytes = 0;
  private ended = false;

  constructor(
    private readonly events: AsyncGenerator<CopiedEvent>,
    private readonly limits: CopyLimits,
  ) {}

  /** The target is read to its end, and everything in it was asked for. */
  get settled(): boolean {
    return this.ended && this.early.size === 0;
  }

  /** What the target has at the stream and revision of `wanted`. @throws Conflict where it has too much else before */
  async find(wanted: CopiedEvent): Promise<CopiedEvent | undefined> {
    const key = placeOf(wanted);
    const early = this.early.get(key);
    if (early) {
      this.early.delete(key);
      this.bytes -= sizeOf(early);
      return early;
    }
    for (;;) {
      const next = await this.read();
      if (!next || placeOf(next) === key) return next;
      this.early.set(placeOf(next), next);
      this.bytes += sizeOf(next);
      if (isBeyond(this.limits, this.early.size, this.bytes)) throw conflict('event', wanted, this.earliest());
    }
  }

  /** @throws Conflict where the target has more than was asked for @param missing what it lacks, to be named with it */
  async checkEnd(missing?: CopiedEvent): Promise<void> {
    checkSame(undefined, this.early.size === 0 ? await this.read() : undefined);
    if (this.early.size > 0) throw conflict('event', missing, this.earliest());
  }

  /** Ends the reading, wherever it stands. */
  async close(): Promise<void> {
    await this.events.return(undefined);
  }

  private async read(): Promise<CopiedEvent | undefined> {
    const next = this.ended ? undefined : await this.events.next();
    if (!next || next.done) this.ended = true;
    return next?.done ? undefined : next?.value;
  }

  private earliest(): CopiedEvent | undefined {
    return this.early.values().next().value;
  }
}

const placeOf = ({ stream, revision }: CopiedEvent) => `${revision}@${stream}`;

/** `place` of `end` is done: positions of the source's log, or a number of streams. `events` counts this act's alone. */
export type Step = Readonly<{
  act: 'compared' | 'copied' | 'metadata' | 'tombstones' | 'verified';
  events: number;
  place: bigint;
  end: bigint;
}>;
type Pass = Readonly<{
  source: LogSide;
  target: LogSide;
  /** Position of the source's last event to copy. */
  head: bigint;
  runs?: Runs;
  limits: CopyLimits;
  report: (step: Step) => void;
}>;

async function events(pass: Pass): Promise<void> {
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

async function metadata({ source, target, runs, report }: Pass): Promise<void> {
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
async function tombstones({ source, target, runs, report }: Pass): Promise<number> {
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
