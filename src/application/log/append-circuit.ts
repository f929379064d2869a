import { AppendsPaused, isLogAway } from './event-log.js';

export type CircuitLimits = Readonly<{
  /** Appends that have failed for this long, with none between them that was answered, open the circuit. */
  openAfterMs: number;
  /** While it is open one append in this time is tried. */
  trialEveryMs: number;
}>;

/**
 * While the log takes nothing, an append fails at once instead of after the patience of its caller; one append a second is
 * tried. Any answer to it, a refusal too, closes the circuit.
 */
export class AppendCircuit {
  /** The first and the last failure since the last answer. */
  private failing: Readonly<{ since: number; until: number }> | null = null;
  private lastTrial = -Infinity;

  /** @param now milliseconds, of a clock that is never set */
  constructor(
    private readonly now: () => number,
    private readonly limits: CircuitLimits,
  ) {}

  /** To be asked before each append, whose end `answered` or `failed` is told. @throws AppendsPaused: it must not be tried */
  mustPass(): void {
    const { failing, limits } = this;
    if (!failing || failing.until - failing.since < limits.openAfterMs) return;
    const now = this.now();
    if (now - this.lastTrial < limits.trialEveryMs) {
      const seconds = Math.round((now - failing.since) / 1_000);
      throw new AppendsPaused(`No append has been answered for ${seconds} s: this one was not tried`);
    }
    this.lastTrial = now;
  }

  answered(): void {
    this.failing = null;
  }

  /** A refusal is an answer. Failures with a long time between them, in which nothing was appended, are not one outage. */
  failed(error: unknown): void {
    if (!isLogAway(error)) return this.answered();
    const { openAfterMs, trialEveryMs } = this.limits;
    const now = this.now();
    const goesOn = this.failing !== null && now - this.failing.until <= openAfterMs + trialEveryMs;
    this.failing = { since: goesOn ? this.failing!.since : now, until: now };
  }
}
