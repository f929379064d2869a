/** Which attempts take up a place on this instance. A receiver that hangs may hold its attempt, but not a place of others. */
import type { Clock } from '../runtime/clock.js';
import type { WebhookLimits } from './limits.js';
import type { ClaimLimits, Claimed } from './webhook-queue.js';

type Attempt = { readonly isOfSilent: boolean; isSlow: boolean };

/** Of all places, the share that only receivers without an attempt under way may take. */
const RESERVED_SHARE = 1 / 4;

export class Places {
  private readonly taken = new Set<Attempt>();

  /** @param onFree a place is free again */
  constructor(
    private readonly clock: Clock,
    private readonly limits: WebhookLimits,
    private readonly onFree: () => void,
  ) {}

  free(): Pick<ClaimLimits, 'most' | 'reserved' | 'mostSilent'> {
    const { attempts, slowAttempts, silentAttempts } = this.limits;
    const all = [...this.taken];
    const silent = all.filter(({ isOfSilent }) => isOfSilent).length;
    const slow = all.filter(({ isOfSilent, isSlow }) => !isOfSilent && isSlow).length;
    return {
      most: Math.max(0, attempts - (all.length - silent - Math.min(slow, slowAttempts))),
      reserved: Math.floor(attempts * RESERVED_SHARE),
      mostSilent: Math.max(0, silentAttempts - silent),
    };
  }

  /** @returns what gives the place back */
  take({ receiver }: Pick<Claimed, 'receiver'>): () => void {
    const attempt: Attempt = { isOfSilent: receiver === 'silent', isSlow: false };
    this.taken.add(attempt);
    const cancel = this.clock.wakeAfter(this.limits.slowMs, () => {
      attempt.isSlow = true;
      this.onFree();
    });
    return () => {
      cancel();
      this.taken.delete(attempt);
      this.onFree();
    };
  }
}
