import type { StepCommand } from '../../domain/workflow/commands.js';
import type { StepStarted } from '../../domain/workflow/events.js';
import { timedOut } from '../../domain/workflow/next-effects.js';
import type { StepError } from '../../domain/workflow/retry-policy.js';
import type { ExistingWorkflow } from '../../domain/workflow/state.js';
import type { Agents } from '../agents/agents.js';
import { HistoryDamaged } from '../log/event-log.js';
import type { Ids } from '../log/ids.js';
import { sleep, type Clock } from '../runtime/clock.js';
import { reasonOf, type OnError } from '../runtime/errors.js';
import { failpoint } from '../runtime/failpoint.js';
import { ArtifactDamaged, type ArtifactStore } from '../workflow/artifacts.js';
import type { Outcome } from '../workflow/fold-cache.js';
import type { CommandEnvelope, Workflows } from '../workflow/workflows.js';
import type { EndCause } from './calls.js';
import { actorOf, agentInput, envelopeOf, traceparentFor } from './envelopes.js';
import { ARTIFACT_DAMAGED, ARTIFACT_STORE_FAILED, Results, loadLargeValues, type StepLimits } from './results.js';

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

type Dependencies = Readonly<{
  workflows: Workflows;
  agents: Agents;
  artifacts: ArtifactStore;
  clock: Clock;
  ids: Ids;
  onError: OnError;
}>;

/** What the saga adds to an attempt. */
type Hooks = Readonly<{
  /** The call is over; null where nothing will be reported of it. */
  onCallEnded: (report: StepCommand | null) => void;
  /** The claim of the following step, which goes into one append with the report. */
  next: (state: ExistingWorkflow, traceparent: string) => CommandEnvelope | undefined;
  isClosing: () => boolean;
}>;

/** Takes a claimed attempt to its recorded end: calls the agent, makes a report of its answer, appends the report. */
export class AttemptRunner {
  private readonly results: Results;

  constructor(
    private readonly dependencies: Dependencies,
    private readonly limits: AttemptLimits & StepLimits,
  ) {
    this.results = new Results(dependencies.artifacts, limits);
  }

  /** Null where the history no longer wants the result. */
  async run(claim: Claim, abort: AbortController, { onCallEnded, next, isClosing }: Hooks): Promise<Outcome | null> {
    const { workflows, clock, onError } = this.dependencies;
    const { started, eventId } = claim;
    const { executionId } = claim.state;
    const traceparent = traceparentFor(executionId, eventId);
    const report = await this.reportOf(claim, traceparent, abort);
    onCallEnded(report);
    if (!report) return null;
    const cause = { causationId: eventId, traceparent };
    const envelope = envelopeOf(this.dependencies, report, cause, actorOf(report, started));
    for (let tried = 1; ; tried++) {
      try {
        const outcome = await workflows.execute(executionId, envelope, (after) => next(after, traceparent));
        failpoint('result-appended');
        return outcome;
      } catch (error) {
        if (error instanceof HistoryDamaged || tried >= this.limits.reportTries || isClosing()) throw error;
        onError(`Execution ${executionId}: recording the result of ${started.step} is tried again`, error);
        await sleep(clock, this.limits.reportPauseMs);
      }
    }
  }

  /** Ends no later than the deadline or the abort. */
  private async reportOf(claim: Claim, traceparent: string, abort: AbortController): Promise<StepCommand | null> {
    const { signal } = abort;
    const deadline = new Date(claim.started.deadline);
    const cancelDeadline = this.dependencies.clock.wakeAt(deadline, () => abort.abort('deadline' satisfies EndCause));
    const aborted = new Promise<null>((resolve) =>
      signal.addEventListener('abort', () => resolve(null), { once: true }),
    );
    try {
      // The race, and not the signal alone, ends the attempt: a registered function may take no notice of its signal.
      const answered = this.callAgent(claim, traceparent, signal);
      return (await Promise.race([answered, aborted])) ?? reportOfEnded(claim, signal.reason as EndCause);
    } finally {
      cancelDeadline();
    }
  }

  private async callAgent(
    { state, started }: Claim,
    traceparent: string,
    signal: AbortSignal,
  ): Promise<StepCommand | null> {
    const { stepId, attempt, agent, idempotencyKey } = started;
    try {
      const input = await this.inputFor(state, started);
      const deadline = new Date(started.deadline);
      const called = this.dependencies.agents.call({ agent, input, idempotencyKey, traceparent, deadline, signal });
      failpoint('request-written');
      const reply = await called;
      failpoint('reply-received');
      if (signal.aborted) return null;
      if ('deferred' in reply) return { type: 'DeferStep', data: { stepId, attempt } };
      return await this.results.report(started, reply);
    } catch (thrown) {
      // Only the artifact store can throw here; the agents port answers whatever happens.
      return this.results.report(started, { success: false, error: storeError(thrown), retryAfterMs: null });
    }
  }

  private async inputFor(state: ExistingWorkflow, { step, attempt }: StepStarted) {
    const input = agentInput(state, step, attempt);
    const intermediate_results = await loadLargeValues(
      this.dependencies.artifacts,
      input.checkpoint.intermediate_results,
    );
    return { ...input, checkpoint: { ...input.checkpoint, intermediate_results } };
  }
}

/** Another try mends a store that is away, and not a store that holds other bytes than it was given. */
const storeError = (thrown: unknown): StepError =>
  thrown instanceof ArtifactDamaged
    ? { type: 'fatal', code: ARTIFACT_DAMAGED[thrown.kind], message: thrown.message }
    : { type: 'transient', code: ARTIFACT_STORE_FAILED, message: `The artifact store failed: ${reasonOf(thrown)}` };

/** Of a call that ended before its agent answered. */
const reportOfEnded = ({ state, started }: Claim, cause: EndCause): StepCommand | null => {
  const { stepId, attempt } = started;
  const definition = state.definition.steps.find(({ name }) => name === started.step);
  switch (cause) {
    case 'deadline':
      return timedOut(stepId, attempt, definition?.timeoutMs ?? 0);
    case 'shutdown':
      return { type: 'InterruptStep', data: { stepId, attempt, cause: 'shutdown' } };
    case 'over':
      return null;
  }
};
