/** A bound on what runs at once. Taking never waits: who gets none is called when one is free. */
export class Slots {
  private taken = 0;

  constructor(
    private readonly limit: number,
    private readonly onFree: () => void,
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
        this.onFree();
      },
    };
  }
}

/** Releasing twice is harmless. */
export type Slot = Readonly<{ release: () => void }>;
