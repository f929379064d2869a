import { Clock } from '../../application/clock.js';

/** `setTimeout` takes a longer delay for 1 ms. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export type SystemClockOptions = Readonly<{
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
    let timer: NodeJS.Timeout;
    const wait = (remainingMs: number) => {
      timer = setTimeout(look, Math.min(Math.max(remainingMs, 0), LONGEST_TIMEOUT_MS));
      if (!this.keepsProcessAlive) timer.unref();
    };
    // Asks the clock again: the delay may have been longer than one timer, and a timer may fire a millisecond early.
    const look = () => {
      const remainingMs = at.getTime() - Date.now();
      if (remainingMs > 0) wait(remainingMs);
      else wake();
    };
    wait(at.getTime() - Date.now());
    return () => clearTimeout(timer);
  }
}
