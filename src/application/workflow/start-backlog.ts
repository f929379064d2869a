import type { OnError } from '../runtime/errors.js';
import { sleep, type Clock } from '../runtime/clock.js';
import { TooMuchWaiting } from '../runtime/errors.js';

/** Executions that could run and that no instance runs. */
export abstract class WaitingExecutions {
  /** Counts no further than `limit`. */
  abstract count(now: Date, limit: number): Promise<number>;
}

export type BacklogLimits = Readonly<{
  /** Executions that may wait; from then on no other is started. */
  waiting: number;
  /** How long a count is good for, and how long a start waits for a new one. */
  countEveryMs: number;
  countWaitMs: number;
  /** The wait that a refused client is answered with. */
  retryAfterSeconds: number;
}>;

/**
 * Keeps the queue of executions bounded. The count is of the read tables and at most a second old, and starts of this
 * instance since then are added: instances that start at once may together exceed the limit by a second's worth.
 */
export class StartBacklog {
  private counted = 0;
  private countedAt = -Infinity;
  private since = 0;
  private counting: Promise<void> | undefined;

  constructor(
    private readonly executions: WaitingExecutions,
    private readonly clock: Clock,
    private readonly limits: BacklogLimits,
    private readonly onError: OnError,
  ) {}

  /** @throws TooMuchWaiting */
  async mustHaveRoom(): Promise<void> {
    const { waiting, countEveryMs, countWaitMs, retryAfterSeconds } = this.limits;
    const age = this.now() - this.countedAt;
    if (age >= countEveryMs || age < 0) {
      const patience = new AbortController();
      await Promise.race([(this.counting ??= this.countAnew()), sleep(this.clock, countWaitMs, patience.signal)]);
      patience.abort();
      this.countedAt = this.now();
    }
    if (this.counted + this.since < waiting) return;
    throw new TooMuchWaiting(
      `${waiting} executions or more wait to be run, which is the limit: nothing was started; repeat the request in ${retryAfterSeconds} s`,
      retryAfterSeconds,
    );
  }

  /** One more waits, which the count does not know yet. */
  grew(): void {
    this.since++;
  }

  /** Where nothing can be counted the last count stands: the log takes a start without the read tables. */
  private async countAnew(): Promise<void> {
    const { since } = this;
    try {
      this.counted = await this.executions.count(this.clock.now(), this.limits.waiting);
      this.since -= since;
    } catch (error) {
      this.onError('Counting the executions that wait failed', error);
    } finally {
      this.counting = undefined;
    }
  }

  private now(): number {
    return this.clock.now().getTime();
  }
}
