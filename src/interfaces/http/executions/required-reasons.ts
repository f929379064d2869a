import { received, Refusal, type Problem } from '../server/refusal.js';

/** What operators do, each in the word of its request. */
export type ReasonedAction = 'pause' | 'resume' | 'retry' | 'cancel' | 'next_step' | 'remaining' | 'hold' | 'release';

/** For which of them this installation wants to know why. */
export class RequiredReasons {
  constructor(private readonly actions: readonly ReasonedAction[]) {}

  /**
   * @returns the reason as it is recorded; null where none was given, blanks counting as none
   * @throws Refusal 400 where a reason is required
   */
  reasonFor(action: ReasonedAction, given: string | null | undefined): string | null {
    const reason = given?.trim() ? given : null;
    if (reason !== null || !this.actions.includes(action)) return reason;
    const expected = `the reason for ${action}, which this installation requires`;
    const problem: Problem = { field: 'reason', expected, received: received(given ?? undefined) };
    throw new Refusal(400, 'REASON_REQUIRED', `reason: expected ${expected}, got ${problem.received}`, [problem]);
  }
}
