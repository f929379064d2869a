/** The only time of a run: everything that happens is an entry here, and entries run one after the other. */
export type Entry = { readonly at: number; readonly order: number; act: (() => void) | null };

const START = Date.parse('2030-01-01T00:00:00.000Z');

/** More entries than this at one moment mean that an entry repeats itself without end. */
const MOST_AT_ONCE = 10_000;

export class Timeline {
  /** Milliseconds since 1970. */
  now = START;
  /** A binary heap by time, then by order of arrival. */
  private readonly heap: Entry[] = [];
  private orders = 0;
  private atOnce = 0;

  get elapsed(): number {
    return this.now - START;
  }

  after(ms: number, act: () => void): Entry {
    const entry: Entry = { at: this.now + Math.max(0, ms), order: this.orders++, act };
    this.push(entry);
    return entry;
  }

  /**
   * Runs entries until `isOver` or until `ms` have passed. Between two entries every promise that can settle does: a tick
   * that a microtask asks for runs when there are no microtasks left.
   */
  run(ms: number, isOver: () => boolean = () => false): Promise<void> {
    const end = this.now + ms;
    return new Promise((resolve, reject) => {
      const turn = () => {
        try {
          // Cancelled entries.
          while (this.heap[0]?.act === null) this.pop();
          const next = this.heap[0];
          if (isOver()) return resolve();
          if (!next || next.at > end) {
            this.now = end;
            return resolve();
          }
          this.pop();
          this.atOnce = next.at > this.now ? 0 : this.atOnce + 1;
          if (this.atOnce > MOST_AT_ONCE) throw new Error('Time stands still: something is done over and over at once');
          this.now = next.at;
          next.act?.();
          queueMicrotask(() => process.nextTick(turn));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      queueMicrotask(() => process.nextTick(turn));
    });
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

const isBefore = (a: Entry, b: Entry) => a.at < b.at || (a.at === b.at && a.order < b.order);
