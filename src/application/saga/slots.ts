/** A bound on what runs at once. Taking never blocks: who gets none may wait in line, and is called when one is free. */
export class Slots {
  private taken = 0;
  private readonly line = new Set<string>();

  /** @param waiting how many may wait in line; whoever finds it full is not called */
  constructor(
    private readonly limit: number,
    private readonly waiting: number,
    private readonly call: (key: string) => void,
  ) {}

  tryTake(): Slot | undefined {
    if (this.taken >= this.limit) return undefined;
    this.taken++;
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.taken--;
        this.callNext();
      },
    };
  }

  waitInLine(key: string): void {
    if (this.line.size < this.waiting) this.line.add(key);
  }

  /** Nobody is called any more. */
  close(): void {
    this.line.clear();
  }

  private callNext(): void {
    const [next] = this.line;
    if (next === undefined) return;
    this.line.delete(next);
    this.call(next);
  }
}

/** Releasing twice is harmless. */
export type Slot = Readonly<{ release: () => void }>;
