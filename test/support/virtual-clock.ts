import { Clock } from '../../src/application/runtime/clock.js';

/** Time that moves only when the test moves it. */
export class VirtualClock extends Clock {
  private time: number;
  private readonly wishes = new Set<{ at: number; wake: () => void }>();

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
    for (;;) {
      await settle();
      const due = [...this.wishes].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.wishes.delete(due);
      this.time = Math.max(this.time, due.at);
      due.wake();
    }
    this.time = end;
    await settle();
  }
}

/** Lets every promise that can go on without time or I/O do so. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
