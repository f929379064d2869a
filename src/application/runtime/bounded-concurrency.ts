/** A queue between one producer and one consumer. A full queue makes the producer wait, an empty one the consumer. */
export class BoundedQueue<Item> {
  private readonly items: Item[] = [];
  private readonly waiting: (() => void)[] = [];
  private closed = false;

  constructor(private readonly limit: number) {}

  /** @returns false when it is closed and the item was not taken */
  async put(item: Item): Promise<boolean> {
    while (!this.closed && this.items.length >= this.limit) await this.change();
    if (!this.closed) this.items.push(item);
    this.notify();
    return !this.closed;
  }

  /** At least one and at most `max`; none when it is closed. */
  async take(max: number): Promise<readonly Item[]> {
    while (!this.closed && this.items.length === 0) await this.change();
    const taken = this.closed ? [] : this.items.splice(0, max);
    this.notify();
    return taken;
  }

  /** What is still in it is forgotten. */
  close(): void {
    this.closed = true;
    this.items.length = 0;
    this.notify();
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private notify(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

/** Lets so many in at the same time; others wait in the order in which they came. */
export class Semaphore {
  private inside = 0;
  private readonly waiting: (() => void)[] = [];
  private readonly notBegun = new Map<string, Promise<unknown>>();

  constructor(private readonly limit: number) {}

  /** @param key callers that ask for the same before it has begun share the answer: it is as new as one of their own */
  pass<T>(act: () => Promise<T>, key: string | null = null): Promise<T> {
    if (key === null) return this.take(act);
    const same = this.notBegun.get(key);
    if (same) return same as Promise<T>;
    const answer = this.take(() => {
      this.notBegun.delete(key);
      return act();
    });
    this.notBegun.set(key, answer);
    return answer;
  }

  private async take<T>(act: () => Promise<T>): Promise<T> {
    await this.enter();
    try {
      return await act();
    } finally {
      const next = this.waiting.shift();
      // The next caller takes the place over.
      if (next) next();
      else this.inside -= 1;
    }
  }

  private async enter(): Promise<void> {
    if (this.inside >= this.limit) return new Promise<void>((resolve) => this.waiting.push(resolve));
    this.inside += 1;
  }
}
