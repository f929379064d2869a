import { Clock } from '../application/runtime/clock.js';
import { settle } from './real-time.js';

type Wish = Readonly<{ at: number; wake: () => void }>;

/** Time that moves only when the test moves it. */
export class VirtualClock extends Clock {
  private time: number;
  private readonly wishes = new Set<Wish>();

  constructor(start = '2030-01-01T00:00:00.000Z') {
    super();
    this.time = Date.parse(start);
  }

  now(): Date {
    return new Date(this.time);
  }

  wakeAt(at: Date, wake: () => void): () => void {
    const wish = { at: at.getTime(), wake };
    this.wishes.add(wish);
    return () => this.wishes.delete(wish);
  }

  wakeAfter(ms: number, wake: () => void): () => void {
    return this.wakeAt(new Date(this.time + ms), wake);
  }

  /** Milliseconds until the next wake-up; null if there is none. */
  get untilNext(): number | null {
    const next = Math.min(...[...this.wishes].map(({ at }) => at));
    return Number.isFinite(next) ? Math.max(0, next - this.time) : null;
  }

  /** Lets `ms` pass and runs the wake-ups that come due, in order; pending promises run in between. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    do await settle();
    while (this.wakeNext(end));
    this.time = end;
    await settle();
  }

  /** Moves on to the next wake-up and runs it. @returns false where none comes due until `end`, milliseconds since 1970 */
  wakeNext(end: number): boolean {
    let next: Wish | undefined;
    // Of two at one moment the one that was wished for first.
    for (const wish of this.wishes) if (wish.at <= end && (!next || wish.at < next.at)) next = wish;
    if (!next) return false;
    this.wishes.delete(next);
    this.time = Math.max(this.time, next.at);
    next.wake();
    return true;
  }
}
