import type { Clock } from '../runtime/clock.js';
import type { HeldBackExecutions } from '../workflow/held-back.js';

type RightsTrialLimits = Readonly<{
  /** The pause before the first trial; it doubles with each, up to the maximum. */
  firstMs: number;
  mostMs: number;
}>;

const DEFAULTS: RightsTrialLimits = { firstMs: 5_000, mostMs: 300_000 };

/**
 * An operator may give the rights that were missing, and the log tells nobody: now and then one of the executions that wait
 * for them is tried again. When the log takes an append, all of them continue.
 */
export class RightsTrial {
  private cancel: (() => void) | undefined;
  private trials = 0;
  private tried: string | null = null;

  constructor(
    private readonly heldBack: HeldBackExecutions,
    private readonly clock: Clock,
    private readonly tryAgain: (executionId: string) => void,
    private readonly limits: RightsTrialLimits = DEFAULTS,
  ) {}

  /** The log does not let this user append to that execution. @returns whether that is what a trial has found again */
  denied(executionId: string): boolean {
    const isKnown = this.tried === executionId;
    if (isKnown) this.tried = null;
    this.tryLater();
    return isKnown;
  }

  /** The log has taken an append. */
  taken(): void {
    if (!this.cancel && this.tried === null) return;
    this.stop();
    [this.trials, this.tried] = [0, null];
    for (const executionId of this.heldBack.withReason('denied')) this.release(executionId);
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }

  private tryLater(): void {
    const pauseMs = Math.min(this.limits.mostMs, this.limits.firstMs * 2 ** this.trials);
    this.cancel ??= this.clock.wakeAfter(pauseMs, () => this.try());
  }

  private try(): void {
    this.cancel = undefined;
    this.trials += 1;
    const [next] = this.heldBack.withReason('denied');
    this.tried = next ?? null;
    if (next === undefined) return;
    this.release(next);
    // Also where that one needs no append any longer: the others wait.
    this.tryLater();
  }

  private release(executionId: string): void {
    this.heldBack.release(executionId);
    this.tryAgain(executionId);
  }
}
