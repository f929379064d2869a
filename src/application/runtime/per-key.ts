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
