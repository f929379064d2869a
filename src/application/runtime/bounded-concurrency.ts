/** A queue between one producer and one consumer. A full queue makes the producer wait, an empty one the consumer. */
export class BoundedQueue<Item> {
  private readonly items: Item[] = [];
  private readonly waiting: (() => void)[] = [];
  private closed = false;
  private weight = 0;

  /**
   * @param limit of items
   * @param maximumWeight of all items together; one more may come in before it is reached
   */
  constructor(
    private readonly limit: number,
    private readonly maximumWeight = Infinity,
    private readonly weightOf: (item: Item) => number = () => 0,
  ) {}

  /** @returns false when it is closed and the item was not taken */
  async put(item: Item): Promise<boolean> {
    while (!this.closed && this.isFull) await this.change();
    if (!this.closed) {
      this.items.push(item);
      this.weight += this.weightOf(item);
    }
    this.notify();
    return !this.closed;
  }

  /** What came in last, while it waits. */
  get newest(): Item | undefined {
    return this.items.at(-1);
  }

  get length(): number {
    return this.items.length;
  }

  /** Resolves when it holds something, or is closed. */
  async filled(): Promise<void> {
    while (!this.closed && this.items.length === 0) await this.change();
  }

  /** At least one and at most `max`; none when it is closed. */
  async take(max: number): Promise<readonly Item[]> {
    await this.filled();
    const taken = this.closed ? [] : this.items.splice(0, max);
    for (const item of taken) this.weight -= this.weightOf(item);
    this.notify();
    return taken;
  }

  /** Resolves when so many items are there, no more can be, or it is closed. */
  async holds(count: number): Promise<void> {
    while (!this.closed && !this.isFull && this.items.length < count) await this.change();
  }

  /** What is still in it is forgotten. */
  close(): void {
    this.closed = true;
    this.items.length = 0;
    this.notify();
  }

  private get isFull(): boolean {
    return this.items.length >= this.limit || this.weight >= this.maximumWeight;
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

/** Knows for which keys something is under way, any number of times at once. */
export class InFlight {
  private readonly counts = new Map<string, number>();
  private readonly doubtful = new Set<string>();

  /** @param over called for a key that `judgeBy` was asked about, once nothing is under way for it */
  constructor(private readonly over: (key: string) => unknown) {}

  has(key: string): boolean {
    return this.counts.has(key);
  }

  /** `has`, for a caller that acts on the answer: what is under way may end otherwise than it seems. */
  judgeBy(key: string): boolean {
    if (!this.has(key)) return false;
    this.doubtful.add(key);
    return true;
  }

  async during<T>(key: string, work: () => Promise<T>): Promise<T> {
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.counts.get(key) ?? 1) - 1;
      if (left > 0) this.counts.set(key, left);
      else this.counts.delete(key);
      if (left <= 0 && this.doubtful.delete(key)) this.over(key);
    }
  }
}

/** One run at a time for each key: calls during a run, however many, lead to one more run after it. */
export class SerialPerKey {
  private readonly taken = new Map<string, { again: boolean }>();

  constructor(private readonly act: (key: string) => Promise<void>) {}

  async take(key: string): Promise<void> {
    const present = this.taken.get(key);
    if (present) {
      present.again = true;
      return;
    }
    const turn = { again: true };
    this.taken.set(key, turn);
    try {
      while (turn.again) {
        turn.again = false;
        await this.act(key);
      }
    } finally {
      this.taken.delete(key);
    }
  }
}
