import type pg from 'pg';
import { type SessionLock, SessionsAreShared } from './session-lock.js';

/**
 * A connection whose lock is a right. One piece of work at a time, which is a sign of life as well; without any the
 * database ends it, so there is a beat wherever nothing is done.
 */
export class HeldConnection {
  private readonly ending = new AbortController();
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private isBeating = false;
  private lock: SessionLock | undefined;
  /** Aborted when the connection is gone, and the right with it. */
  readonly lost: AbortSignal = this.ending.signal;

  /** @param beatMs between two signs of life */
  constructor(
    private readonly client: pg.Client,
    beatMs: number,
  ) {
    client.on('error', () => this.ending.abort());
    client.on('end', () => this.ending.abort());
    const heart = setInterval(() => void this.beat(), beatMs);
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

  /** From now on each sign of life asks whether the lock is still this session's. */
  guard(lock: SessionLock): void {
    this.lock = lock;
  }

  /** Also where there is enough to do: a session that is not ours any more answers as well as before. */
  private async beat(): Promise<void> {
    const { lock } = this;
    if (this.isBeating || (!lock && this.waiting > 0)) return;
    this.isBeating = true;
    try {
      await this.inTurn(async (client) => void (await (lock ? lock.check() : client.query('select'))));
    } catch (error) {
      if (error instanceof SessionsAreShared) await this.close();
    } finally {
      this.isBeating = false;
    }
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.client.end().catch(() => undefined);
  }
}
