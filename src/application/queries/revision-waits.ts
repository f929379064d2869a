import { sleep, type Clock } from '../runtime/clock.js';
import type { ReadModel } from './read-model.js';

/** How long a query waits for the read tables, how often they are looked at, and how many queries wait at a time. */
export type RevisionWaitLimits = Readonly<{ waitMs: number; everyMs: number; waiting: number }>;
export const REVISION_WAIT_LIMITS: RevisionWaitLimits = { waitMs: 2_000, everyMs: 20, waiting: 1_000 };

type Waiter = Readonly<{
  executionId: string;
  revision: bigint;
  settle: (isReached: boolean) => void;
  fail: (error: unknown) => void;
}>;

/**
 * Queries that wait until the read tables hold a revision. One look serves all of them, and it brings revisions alone: what
 * a client waits for is read once, when it is there.
 */
export class RevisionWaits {
  private readonly waiters = new Set<Waiter>();
  private isLooking = false;

  constructor(
    private readonly readModel: ReadModel,
    private readonly clock: Clock,
    private readonly limits: RevisionWaitLimits = REVISION_WAIT_LIMITS,
  ) {}

  /** The revision that the tables hold now; undefined where they do not hold the execution. */
  async present(executionId: string): Promise<bigint | undefined> {
    return (await this.readModel.revisions([executionId])).get(executionId);
  }

  /**
   * Waits until they hold it. @returns false where the time was not enough, `signal` was aborted, or as many wait already as may
   * @throws what the read model throws
   */
  async until(executionId: string, revision: bigint, signal?: AbortSignal): Promise<boolean> {
    if (this.waiters.size >= this.limits.waiting || signal?.aborted) return false;
    let leave: () => void = () => undefined;
    try {
      return await new Promise<boolean>((settle, fail) => {
        const waiter = { executionId, revision, settle, fail };
        const giveUp = () => settle(false);
        const cancel = this.clock.wakeAfter(this.limits.waitMs, giveUp);
        signal?.addEventListener('abort', giveUp, { once: true });
        leave = () => {
          this.waiters.delete(waiter);
          cancel();
          signal?.removeEventListener('abort', giveUp);
        };
        this.waiters.add(waiter);
        if (!this.isLooking) void this.look();
      });
    } finally {
      leave();
    }
  }

  private async look(): Promise<void> {
    this.isLooking = true;
    while (this.waiters.size > 0) {
      await sleep(this.clock, this.limits.everyMs);
      const asked = [...this.waiters];
      if (asked.length === 0) break;
      try {
        const found = await this.readModel.revisions([...new Set(asked.map(({ executionId }) => executionId))]);
        for (const { executionId, revision, settle } of asked)
          if ((found.get(executionId) ?? -1n) >= revision) settle(true);
      } catch (error) {
        for (const waiter of asked) waiter.fail(error);
      }
      // A query that was answered leaves in a microtask, before it is known whether anyone is left.
      await Promise.resolve().then(() => undefined);
    }
    this.isLooking = false;
  }
}
