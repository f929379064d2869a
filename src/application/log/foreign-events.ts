import { reasonOf, type Notify } from '../runtime/errors.js';
import type { RecordedEvent } from './event-log.js';

/** Streams of which it is remembered that they were named. */
const REMEMBERED = 10_000;

/**
 * Events in streams of this application that this application did not write. A reader passes over them where that is safe, and
 * the log of the instance names each stream once.
 */
export class ForeignEvents {
  private readonly named = new Set<string>();

  constructor(private readonly notify: Notify = () => undefined) {}

  /** @param why what is wrong with it */
  found({ stream, revision, type }: RecordedEvent, why: unknown): void {
    if (this.named.has(stream)) return;
    if (this.named.size >= REMEMBERED) this.named.clear();
    this.named.add(stream);
    const line = `Stream ${stream} holds an event that this application did not write, revision ${revision} (${type}): ${reasonOf(why)}`;
    this.notify('error', `${line.slice(0, LONGEST)}. It is passed over, as are others like it in this stream`);
  }
}

const LONGEST = 500;
