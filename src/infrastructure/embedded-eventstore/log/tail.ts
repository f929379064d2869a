import { sizeOf, type StoredEvent } from '../wire/records.js';
import type { Limits } from '../limits.js';

/** The newest committed events, in memory, and the bell that rings when there are more. */
export class Tail {
  private events: StoredEvent[] = [];
  private bytes = 0;
  /** Everything after this position is in `events`. */
  private floor: bigint;
  private readonly sleepers = new Set<() => void>();

  constructor(
    /** Position of the last committed event. */
    public last: bigint,
    private readonly limits: Pick<Limits, 'maxTailEvents' | 'maxTailBytes'>,
  ) {
    this.floor = last;
  }

  /** Called after the commit, with events in the order of their positions. */
  push(committed: readonly StoredEvent[]): void {
    for (const event of committed) {
      this.events.push(event);
      this.bytes += sizeOf(event);
      this.last = event.position;
    }
    let drop = 0;
    while (this.events.length - drop > this.limits.maxTailEvents || this.bytes > this.limits.maxTailBytes) {
      const oldest = this.events[drop];
      if (!oldest) break;
      this.bytes -= sizeOf(oldest);
      this.floor = oldest.position;
      drop += 1;
    }
    if (drop > 0) this.events = this.events.slice(drop);
    this.ring();
  }

  /** Up to `limit` events after `position`; undefined when they are older than what is kept. */
  after(position: bigint, limit: number): readonly StoredEvent[] | undefined {
    if (position < this.floor) return undefined;
    let [low, high] = [0, this.events.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.events[middle]?.position ?? 0n) > position) high = middle;
      else low = middle + 1;
    }
    return this.events.slice(low, low + limit);
  }

  /** Resolves when there is an event after `position`, or when `signal` aborts. */
  async moreThan(position: bigint, signal: AbortSignal): Promise<void> {
    if (this.last > position || signal.aborted) return;
    let wake: () => void = () => undefined;
    const woken = new Promise<void>((resolve) => (wake = resolve));
    this.sleepers.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    await woken;
    this.sleepers.delete(wake);
    signal.removeEventListener('abort', wake);
  }

  private ring(): void {
    for (const wake of this.sleepers) wake();
  }
}
