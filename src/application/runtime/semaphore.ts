/** Lets so many in at the same time; others wait in the order in which they came. */
export class Semaphore {
  private inside = 0;
  private readonly waiting: (() => void)[] = [];
  private readonly notBegun = new Map<string, Promise<unknown>>();

  constructor(private readonly limit: number) {}

  /** @param key whoever asks for the same that has not begun yet gets the same answer: it is as new as one of its own */
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
      // Whoever is next takes the place over.
      if (next) next();
      else this.inside -= 1;
    }
  }

  private async enter(): Promise<void> {
    if (this.inside >= this.limit) return new Promise<void>((resolve) => this.waiting.push(resolve));
    this.inside += 1;
  }
}
