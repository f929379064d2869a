/** One after the other, and each caller in its turn: a caller that asks a hundred times waits behind one that asks once. */
export class FairTurns {
  private isTaken = false;
  /** Callers in the order of their turns, with what each has waiting. */
  private readonly waiting = new Map<string, (() => void)[]>();

  /** Resolves when it is this caller's turn; `leave` is to be called after it. */
  take(caller: string): Promise<void> {
    if (!this.isTaken) {
      this.isTaken = true;
      return Promise.resolve();
    }
    return new Promise((begin) => {
      const own = this.waiting.get(caller);
      if (own) own.push(begin);
      else this.waiting.set(caller, [begin]);
    });
  }

  leave(): void {
    const [next] = this.waiting;
    if (!next) {
      this.isTaken = false;
      return;
    }
    const [caller, own] = next;
    const begin = own.shift();
    this.waiting.delete(caller);
    if (own.length > 0) this.waiting.set(caller, own);
    begin?.();
  }
}
