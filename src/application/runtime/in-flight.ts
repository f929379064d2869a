/** For which keys something is under way, any number of times at once. */
export class InFlight {
  private readonly counts = new Map<string, number>();
  private readonly doubtful = new Set<string>();

  /** @param over called for a key of which somebody judged by what was under way, when nothing is any more */
  constructor(private readonly over: (key: string) => unknown) {}

  has(key: string): boolean {
    return this.counts.has(key);
  }

  /** For whoever goes by the answer: what is under way may end otherwise than it seems. */
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
