import type { JsonObject } from '../../domain/json.js';
import { checkpointOf } from '../../domain/workflow/checkpoint.js';
import type { StepCommand } from '../../domain/workflow/commands.js';
import type { StepStarted } from '../../domain/workflow/events.js';
import { timedOut } from '../../domain/workflow/next-effects.js';
import type { ExistingWorkflow } from '../../domain/workflow/state.js';
import type { AgentCall, AgentReply, Agents } from '../agents.js';
import type { ArtifactStore } from '../artifacts.js';
import type { Clock } from '../clock.js';
import { failpoint } from '../failpoint.js';
import type { EndCause } from './calls.js';
import { loadLargeValues, storeLargeValues } from './outputs.js';

export type StepLimits = Readonly<{ inlineOutputBytes: number }>;

/** Calls the agent for one claimed attempt and puts what came of it into a report. */
export class StepRunner {
  constructor(
    private readonly agents: Agents,
    private readonly artifacts: ArtifactStore,
    private readonly clock: Clock,
    private readonly limits: StepLimits,
  ) {}

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
    const { stepId, attempt } = started;
    let reply: AgentReply;
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
      reply = await called;
      failpoint('reply-received');
      if (signal.aborted) return null;
      if (reply.success) {
        const [output, artifacts] = await Promise.all([this.keepOutput(started, reply.data), this.keepFiles(reply)]);
        return {
          type: 'CompleteStep',
          data: {
            stepId,
            attempt,
            output,
            artifacts,
            agentMetadata: reply.metadata,
          },
        };
      }
    } catch (error) {
      // Only the artifact store can throw here; the agents port answers whatever happens.
      const message = `The artifact store failed: ${error instanceof Error ? error.message : String(error)}`;
      reply = {
        success: false,
        error: { type: 'transient', code: 'ARTIFACT_STORE', message },
        retryAfterMs: null,
      };
    }
    return {
      type: 'FailStep',
      data: {
        stepId,
        attempt,
        error: reply.error,
        retryAfterMs: reply.retryAfterMs,
      },
    };
  }

  private async inputFor(state: ExistingWorkflow, { step, attempt }: StepStarted) {
    const checkpoint = checkpointOf(state);
    return {
      execution_id: state.executionId,
      project_id: state.projectId,
      document_type: state.documentType,
      step,
      attempt,
      metadata: state.metadata,
      checkpoint: {
        ...checkpoint,
        intermediate_results: await loadLargeValues(this.artifacts, checkpoint.intermediate_results),
      },
    };
  }

  private keepOutput({ step }: StepStarted, data: JsonObject) {
    return storeLargeValues(this.artifacts, step, data, this.limits.inlineOutputBytes);
  }

  private keepFiles({ artifacts }: Extract<AgentReply, { success: true }>) {
    return Promise.all(
      artifacts.map(async ({ name, contentType, content }) => ({
        name,
        ...(await this.artifacts.put(content, contentType)),
        contentType,
      })),
    );
  }
}

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
