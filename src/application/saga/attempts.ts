import type { OnError } from '../runtime/errors.js';
import type { StepCommand } from '../../domain/workflow/commands.js';
import type { StepStarted } from '../../domain/workflow/events.js';
import type { ExistingWorkflow } from '../../domain/workflow/state.js';
import { sleep, type Clock } from '../runtime/clock.js';
import { failpoint } from '../runtime/failpoint.js';
import type { Outcome } from '../workflow/outcome.js';
import type { CommandEnvelope, Workflows } from '../workflow/workflows.js';
import { envelopeOf, speakerOf, traceparentFor, type OrderSource } from './envelopes.js';
import type { StepRunner } from './step-runner.js';

export type AttemptLimits = Readonly<{
  /** How often a report that the log did not take is tried again, and the pause in between. */
  reportTries: number;
  reportPauseMs: number;
}>;

/** An attempt whose StepStarted this instance has just appended. */
export type Claim = Readonly<{
  state: ExistingWorkflow;
  started: StepStarted;
  eventId: string;
  /** Of that StepStarted. */
  revision: bigint;
}>;

export const claimedBy = (worker: string, { state, appended, revision }: Outcome): Claim | undefined => {
  const last = appended.at(-1);
  return last?.event.type === 'StepStarted' && last.event.data.worker === worker
    ? { state, started: last.event.data, eventId: last.id, revision }
    : undefined;
};

/** Runs a claimed attempt to its recorded end. */
export class Attempts {
  constructor(
    private readonly workflows: Workflows,
    private readonly steps: StepRunner,
    private readonly clock: Clock,
    private readonly source: OrderSource,
    private readonly limits: AttemptLimits,
    private readonly onError: OnError,
  ) {}

  /** `heard`: the call is over. The report and, by `next`, the claim of the following step go into one append. Null: nobody wants the result. */
  async run(
    { state, started, eventId }: Claim,
    abort: AbortController,
    heard: (report: StepCommand | null) => void,
    next: (state: ExistingWorkflow, traceparent: string) => CommandEnvelope | undefined,
    isClosing: () => boolean,
  ): Promise<Outcome | null> {
    const { executionId } = state;
    const traceparent = traceparentFor(executionId, eventId);
    const report = await this.steps.run(state, started, traceparent, abort);
    heard(report);
    if (!report) return null;
    const order = envelopeOf(this.source, report, { causationId: eventId, traceparent }, speakerOf(report, started));
    for (let tried = 1; ; tried++) {
      try {
        const outcome = await this.workflows.execute(executionId, order, (after) => next(after, traceparent));
        failpoint('result-appended');
        return outcome;
      } catch (error) {
        if (tried >= this.limits.reportTries || isClosing()) throw error;
        this.onError(`Execution ${executionId}: recording the result of ${started.step} is tried again`, error);
        await sleep(this.clock, this.limits.reportPauseMs);
      }
    }
  }
}
