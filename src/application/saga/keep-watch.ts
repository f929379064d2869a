import type { Clock } from '../runtime/clock.js';
import type { Answer, AnswerRef } from './answers.js';

/** Answers whose first try has not ended. One timer for all of them waits for the oldest: most end within milliseconds. */
export class KeepWatch {
  /** When each came, in that order. */
  private readonly trying = new Map<AnswerRef, number>();
  private cancel: (() => void) | undefined;

  /** @param late called with each answer that is still tried `afterMs` after it came */
  constructor(
    private readonly clock: Clock,
    private readonly afterMs: number,
    private readonly late: (answer: AnswerRef) => void,
  ) {}

  begin(answer: Answer): void {
    this.trying.set(answer, answer.at.getTime());
    this.cancel ??= this.clock.wakeAfter(this.afterMs, this.look);
  }

  end(answer: AnswerRef): void {
    this.trying.delete(answer);
    if (this.trying.size > 0) return;
    this.cancel?.();
    this.cancel = undefined;
  }

  private readonly look = (): void => {
    this.cancel = undefined;
    const now = this.clock.now().getTime();
    for (const [answer, at] of this.trying) {
      const ageMs = now - at;
      // Of one that comes from the future, the clock was set back meanwhile: its age is not known.
      if (ageMs >= 0 && ageMs < this.afterMs) {
        this.cancel = this.clock.wakeAfter(this.afterMs - ageMs, this.look);
        return;
      }
      this.trying.delete(answer);
      this.late(answer);
    }
  };
}
