import { randomUUID } from 'node:crypto';
import { v7 } from 'uuid';
import { Clock } from '../../application/runtime/clock.js';
import { Ids } from '../../application/log/ids.js';

/** `setTimeout` takes a longer delay for 1 ms. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;
/** How late a wish for a time of day comes true at most where the clock was put forward meanwhile. */
const LOOK_AGAIN_MS = 60_000;

/** Clocks of machines that are kept in time differ by less. */
const TOLERATED_MS = 250;

type SystemClockOptions = Readonly<{
  /** Whether a wish that is still waiting keeps the process from ending by itself. */
  keepsProcessAlive?: boolean;
  /** Milliseconds since 1970 by the machine's clock. */
  wall?: () => number;
}>;

export class SystemClock extends Clock {
  private readonly keepsProcessAlive: boolean;
  private readonly wall: () => number;
  /** What is added to the machine's clock. */
  private offsetMs = 0;

  constructor({ keepsProcessAlive = true, wall = () => Date.now() }: SystemClockOptions = {}) {
    super();
    this.keepsProcessAlive = keepsProcessAlive;
    this.wall = wall;
  }

  now(): Date {
    return new Date(this.wall() + this.offsetMs);
  }

  /**
   * Reads a clock that other machines read too, and goes by it from then on where the two differ. An answer that took too long
   * to tell changes nothing.
   * @returns by how many milliseconds this machine's clock is ahead; 0 where they agree
   */
  async agreeWith(read: () => Promise<Date>): Promise<number> {
    const before = this.wall();
    const asked = performance.now();
    const there = (await read()).getTime();
    const halfMs = (performance.now() - asked) / 2;
    const aheadMs = before + halfMs - there;
    if (Math.abs(aheadMs) <= TOLERATED_MS) this.offsetMs = 0;
    else if (Math.abs(aheadMs) > TOLERATED_MS + halfMs) this.offsetMs = -aheadMs;
    return -this.offsetMs;
  }

  /** Never calls `wake` before it returns, however long ago `at` is. */
  wakeAt(at: Date, wake: () => void): () => void {
    // Asks the clock again: it may have been set, and a timer may fire a millisecond early.
    const look = () => {
      const leftMs = this.leftUntil(at);
      if (leftMs > 0) cancel = this.timer(Math.min(leftMs, LOOK_AGAIN_MS), look);
      else wake();
    };
    let cancel = this.timer(Math.min(this.leftUntil(at), LOOK_AGAIN_MS), look);
    return () => cancel();
  }

  wakeAfter(ms: number, wake: () => void): () => void {
    if (ms <= LONGEST_TIMEOUT_MS) return this.timer(ms, wake);
    let leftMs = ms;
    let cancel: () => void;
    const wait = () => {
      const part = Math.min(leftMs, LONGEST_TIMEOUT_MS);
      leftMs -= part;
      cancel = this.timer(part, () => (leftMs > 0 ? wait() : wake()));
    };
    wait();
    return () => cancel();
  }

  private leftUntil(at: Date): number {
    return at.getTime() - this.wall() - this.offsetMs;
  }

  private timer(ms: number, act: () => void): () => void {
    const timer = setTimeout(act, Math.max(ms, 0));
    if (!this.keepsProcessAlive) timer.unref();
    return () => clearTimeout(timer);
  }
}

export class SystemIds extends Ids {
  uuid(): string {
    return randomUUID();
  }

  orderedUuid(): string {
    return v7();
  }

  jitter(): number {
    return Math.random();
  }
}
