import { currentStep, type WorkflowState } from '../../domain/workflow/state.js';
import type { Clock } from '../runtime/clock.js';

/** After the log was away, answers that wait for it come before what only the time says: timeouts, silent workers. */
export class AnswersFirst {
  private logAwayAt = -Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly worker: string,
    private readonly answersFirstMs: number,
  ) {}

  logWasAway(): void {
    this.logAwayAt = this.clock.now().getTime();
  }

  /** Milliseconds since 1970. */
  get until(): number {
    return this.logAwayAt + this.answersFirstMs;
  }

  /** Another instance may have an answer of the attempt. Of an attempt of its own this instance knows better. */
  mayChange(state: WorkflowState): boolean {
    const step = state.status === 'none' ? undefined : currentStep(state)?.step;
    const isOwn = step?.status === 'running' && !step.deferred && step.worker === this.worker;
    return !isOwn && this.clock.now().getTime() < this.until;
  }
}
