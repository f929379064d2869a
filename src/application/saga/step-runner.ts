import type { StepCommand } from '../../domain/workflow/commands.js';
import type { StepStarted } from '../../domain/workflow/events.js';
import { timedOut } from '../../domain/workflow/next-effects.js';
import type { StepError } from '../../domain/workflow/retry-policy.js';
import type { ExistingWorkflow } from '../../domain/workflow/state.js';
import type { AgentCall, Agents } from '../agents/agents.js';
import { ArtifactDamaged, type ArtifactStore } from '../workflow/artifacts.js';
import type { Clock } from '../runtime/clock.js';
import { failpoint } from '../runtime/failpoint.js';
import { agentInput } from './envelopes.js';
import type { EndCause } from './calls.js';
import { ARTIFACT_DAMAGED, ARTIFACT_STORE_FAILED, Results, type StepLimits, loadLargeValues } from './results.js';

/** Calls the agent for one claimed attempt and puts what came of it into a report. */
export class StepRunner {
  private readonly results: Results;

  constructor(
    private readonly agents: Agents,
    private readonly artifacts: ArtifactStore,
    private readonly clock: Clock,
    limits: StepLimits,
  ) {
    this.results = new Results(artifacts, limits);
  }

  /** Null when the attempt is over and nobody waits for its result. Ends no later than the deadline or the abort. */
  async run(
    state: ExistingWorkflow,
    started: StepStarted,
    traceparent: string,
    abort: AbortController,
  ): Promise<StepCommand | null> {
    const { signal } = abort;
    const deadline = new Date(started.deadline);
    const cancelDeadline = this.clock.wakeAt(deadline, () => abort.abort('deadline' satisfies EndCause));
    const aborted = new Promise<null>((resolve) =>
      signal.addEventListener('abort', () => resolve(null), { once: true }),
    );
    try {
      // The race, and not the signal alone, ends the attempt: a registered function may take no notice of its signal.
      const answered = this.answer(state, started, traceparent, {
        deadline,
        signal,
      });
      return (await Promise.race([answered, aborted])) ?? ended(state, started, signal.reason as EndCause);
    } finally {
      cancelDeadline();
    }
  }

  private async answer(
    state: ExistingWorkflow,
    started: StepStarted,
    traceparent: string,
    { deadline, signal }: Pick<AgentCall, 'deadline' | 'signal'>,
  ): Promise<StepCommand | null> {
    try {
      const input = await this.inputFor(state, started);
      const called = this.agents.call({
        agent: started.agent,
        input,
        idempotencyKey: started.idempotencyKey,
        traceparent,
        deadline,
        signal,
      });
      failpoint('request-written');
      const reply = await called;
      failpoint('reply-received');
      if (signal.aborted) return null;
      if ('deferred' in reply) {
        return { type: 'DeferStep', data: { stepId: started.stepId, attempt: started.attempt } };
      }
      return await this.results.report(started, reply);
    } catch (thrown) {
      // Only the artifact store can throw here; the agents port answers whatever happens.
      return this.results.report(started, { success: false, error: storeError(thrown), retryAfterMs: null });
    }
  }

  private async inputFor(state: ExistingWorkflow, { step, attempt }: StepStarted) {
    const input = agentInput(state, step, attempt);
    const intermediate_results = await loadLargeValues(this.artifacts, input.checkpoint.intermediate_results);
    return { ...input, checkpoint: { ...input.checkpoint, intermediate_results } };
  }
}

/** Trying again mends a store that is away, and not one that holds other bytes than it was given. */
const storeError = (thrown: unknown): StepError => {
  if (thrown instanceof ArtifactDamaged)
    return { type: 'fatal', code: ARTIFACT_DAMAGED[thrown.kind], message: thrown.message };
  const message = `The artifact store failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  return { type: 'transient', code: ARTIFACT_STORE_FAILED, message };
};

const ended = (state: ExistingWorkflow, started: StepStarted, cause: EndCause): StepCommand | null => {
  const { stepId, attempt } = started;
  const definition = state.definition.steps.find(({ name }) => name === started.step);
  switch (cause) {
    case 'deadline':
      return timedOut(stepId, attempt, definition?.timeoutMs ?? 0);
    case 'shutdown':
      return {
        type: 'InterruptStep',
        data: { stepId, attempt, cause: 'shutdown' },
      };
    case 'over':
      return null;
  }
};
