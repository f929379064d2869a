import type pg from 'pg';

/**
 * A connection whose lock is a right. One piece of work at a time, which is a sign of life as well; without any the
 * database ends it, so there is a beat wherever nothing is done.
 */
export class HeldConnection {
  private readonly ending = new AbortController();
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  /** Aborted when the connection is gone, and the right with it. */
  readonly lost: AbortSignal = this.ending.signal;

  /** @param beatMs between two signs of life */
  constructor(
    private readonly client: pg.Client,
    beatMs: number,
  ) {
    client.on('error', () => this.ending.abort());
    client.on('end', () => this.ending.abort());
    const beat = () => {
      if (this.waiting === 0) void this.inTurn(() => client.query('select')).catch(() => undefined);
    };
    const heart = setInterval(beat, beatMs);
    heart.unref();
    this.lost.addEventListener('abort', () => clearInterval(heart), { once: true });
  }

  /** After whatever was begun before. */
  async inTurn<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    this.waiting += 1;
    const turn = this.last.then(() => work(this.client));
    this.last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.waiting -= 1;
    }
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.client.end().catch(() => undefined);
  }
}
