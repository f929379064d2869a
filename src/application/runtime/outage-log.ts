import type { Clock } from './clock.js';
import { reasonOf, type Notify } from './errors.js';

type OutageLimits = Readonly<{
  /** Between two lines of one outage. */
  everyMs: number;
  /** What has not failed for this long, and works, has recovered. Longer than the pause of any loop that tries again. */
  quietMs: number;
}>;

const DEFAULT_LIMITS: OutageLimits = { everyMs: 60_000, quietMs: 12_000 };

type Outage = { since: number; until: number; lineAt: number; readonly counts: Map<string, number> };

/**
 * What fails everywhere at once, as a server that is away, is one outage in the application's log: a line when it begins, one
 * a minute while it lasts, one when it is over. The failures in between are counted by who had them.
 */
export class OutageLog {
  private outage: Outage | null = null;

  /** @param what 'The event log': it fails, and works again */
  constructor(
    private readonly what: string,
    private readonly clock: Clock,
    private readonly notify: Notify,
    private readonly limits: OutageLimits = DEFAULT_LIMITS,
  ) {}

  /** @param by the part of the application that failed: one of a few names */
  failed(by: string, message: string, error: unknown): void {
    const now = this.now();
    const { outage } = this;
    if (!outage) {
      this.outage = { since: now, until: now, lineAt: now, counts: new Map([[by, 1]]) };
      this.notify(
        'warn',
        `${this.what} fails: ${by}: ${message}: ${reasonOf(error)}. Failures are counted from now on`,
      );
      return;
    }
    outage.until = now;
    outage.counts.set(by, (outage.counts.get(by) ?? 0) + 1);
    if (now - outage.lineAt < this.limits.everyMs) return;
    outage.lineAt = now;
    this.notify(
      'warn',
      `${this.what} has been failing for ${spanOf(outage)}: ${summaryOf(outage)}; last: ${reasonOf(error)}`,
    );
  }

  /** It was tried, and works. An outage is over when nothing fails besides. */
  works(): void {
    const { outage } = this;
    if (!outage || this.now() - outage.until < this.limits.quietMs) return;
    this.outage = null;
    this.notify('log', `${this.what} works again after ${spanOf(outage)}: ${summaryOf(outage)}`);
  }

  private now(): number {
    return this.clock.now().getTime();
  }
}

const spanOf = ({ since, until }: Outage): string => `${Math.round((until - since) / 1_000)} s`;

const summaryOf = ({ counts }: Outage): string => {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return `${total} failures (${[...counts].map(([by, count]) => `${by} ${count}`).join(', ')})`;
};

/** Sorts failures out: those of an outage are counted there. */
export class Outages {
  constructor(private readonly kinds: readonly Readonly<{ is: (error: unknown) => boolean; log: OutageLog }>[]) {}

  /** @returns false where the failure belongs to no outage: its caller logs it */
  take(by: string, message: string, error: unknown): boolean {
    const kind = this.kinds.find(({ is }) => is(error));
    kind?.log.failed(by, message, error);
    return kind !== undefined;
  }
}
