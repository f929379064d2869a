/**
 * Work of a tenth of a second each, begun once in each round of the event loop: of thirty pieces that are there at once all
 * would else be done before anything else is answered. In the order in which they came.
 */
export class OneEachRound {
  private free: Promise<void> = Promise.resolve();

  /** Resolves when the work may be done, at once and without waiting for anything in between. */
  turn(): Promise<void> {
    const turn = this.free;
    this.free = turn.then(nextRound);
    return turn;
  }
}

const nextRound = () => new Promise<void>((resolve) => void setImmediate(resolve));
