import { randomUUID } from 'node:crypto';
import { v7 } from 'uuid';
import { Clock } from '../../application/runtime/clock.js';
import { Ids } from '../../application/log/ids.js';

/** `setTimeout` takes a longer delay for 1 ms. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;
/** How late a wish for a time of day comes true at most where the clock was put forward meanwhile. */
const LOOK_AGAIN_MS = 60_000;

type SystemClockOptions = Readonly<{
  /** Whether a wish that is still waiting keeps the process from ending by itself. */
  keepsProcessAlive?: boolean;
}>;

export class SystemClock extends Clock {
  private readonly keepsProcessAlive: boolean;

  constructor({ keepsProcessAlive = true }: SystemClockOptions = {}) {
    super();
    this.keepsProcessAlive = keepsProcessAlive;
  }

  now(): Date {
    return new Date();
  }

  /** Never calls `wake` before it returns, however long ago `at` is. */
  wakeAt(at: Date, wake: () => void): () => void {
    const remainingMs = () => at.getTime() - Date.now();
    let cancel: () => void;
    const wait = () => (cancel = this.timer(Math.min(remainingMs(), LOOK_AGAIN_MS), look));
    // Asks the clock again: it may have been set, and a timer may fire a millisecond early.
    const look = () => {
      if (remainingMs() > 0) wait();
      else wake();
    };
    wait();
    return () => cancel();
  }

  wakeAfter(ms: number, wake: () => void): () => void {
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
