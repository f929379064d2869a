/** Lets so many in at the same time; others wait in the order in which they came. */
export class Gate {
  private inside = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly limit: number) {}

  async pass<T>(act: () => Promise<T>): Promise<T> {
    if (this.inside >= this.limit) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.inside += 1;
    try {
      return await act();
    } finally {
      const next = this.waiting.shift();
      // Whoever is next takes the place over.
      if (next) next();
      else this.inside -= 1;
    }
  }
}
