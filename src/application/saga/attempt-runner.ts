import type { StepCommand } from '../../domain/workflow/commands.js';
import type { StepStarted } from '../../domain/workflow/events.js';
import { timedOut } from '../../domain/workflow/next-effects.js';
import type { ExistingWorkflow } from '../../domain/workflow/state.js';
import type { CallResult } from '../../domain/agent/circuit.js';
import type { AgentReply, Agents, Deferred } from '../agents/agents.js';
import type { Ids } from '../log/ids.js';
import type { Clock } from '../runtime/clock.js';
import { failpoint } from '../runtime/failpoint.js';
import type { ArtifactStore } from '../workflow/artifacts.js';
import type { Outcome } from '../workflow/fold-cache.js';
import type { Workflows } from '../workflow/workflows.js';
import type { AnswerRecorder, NextClaim } from './answer-recorder.js';
import type { EndCause } from './calls.js';
import { actorOf, agentInput, envelopeOf, traceparentFor } from './envelopes.js';
import { loadLargeValues, resultOfEnd, resultOfReply, storeFailure } from './results.js';

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
  recorder: AnswerRecorder;
  clock: Clock;
  ids: Ids;
}>;

/** What the saga adds to an attempt. */
type Hooks = Readonly<{
  /** The call is over: what it shows about its agent, if anything. */
  onCallEnded: (result: CallResult | null) => void;
  /** The claim of the following step, which goes into one append with the report. */
  next: NextClaim;
  /** Aborted where no answer may wait any longer. */
  ending: AbortSignal;
}>;

/** How a call ended: with the agent's reply, or with what is to be reported instead; null where nothing is. */
type CallEnd = Readonly<{ reply: AgentReply | Deferred }> | Readonly<{ report: StepCommand | null }>;

/** Takes a claimed attempt to its recorded end: calls the agent, has its answer recorded, or reports that there is none. */
export class AttemptRunner {
  constructor(private readonly dependencies: Dependencies) {}

  /** Null where nothing was recorded. */
  async run(claim: Claim, abort: AbortController, { onCallEnded, next, ending }: Hooks): Promise<Outcome | null> {
    const { workflows, recorder, clock, ids } = this.dependencies;
    const { stepId, attempt, step, agent } = claim.started;
    const { executionId } = claim.state;
    const traceparent = traceparentFor(executionId, claim.eventId);
    const cause = { causationId: claim.eventId, traceparent };
    const end = await this.callEnd(claim, traceparent, abort);
    if ('reply' in end) {
      const { reply } = end;
      onCallEnded(resultOfReply(reply));
      const [at, commandId] = [clock.now(), ids.uuid()];
      const answer = { executionId, stepId, attempt, step, agent, at, commandId, ...cause, reply };
      return recorder.record(answer, next, () => AbortSignal.any([abort.signal, ending]));
    }
    onCallEnded(resultOfEnd(end.report));
    if (!end.report) return null;
    const envelope = envelopeOf(this.dependencies, end.report, cause, actorOf(end.report, claim.started));
    const outcome = await workflows.execute(executionId, envelope, (after) => next(after, traceparent));
    failpoint('result-appended');
    return outcome;
  }

  /** Ends no later than the deadline or the abort: a registered function may take no notice of its signal. */
  private callEnd(claim: Claim, traceparent: string, abort: AbortController): Promise<CallEnd> {
    return new Promise((resolve, reject) => {
      const { signal } = abort;
      const end = (called: CallEnd | null) => {
        cancelDeadline();
        resolve(called ?? { report: reportOfEnded(claim, signal.reason as EndCause) });
      };
      const fail = (error: Error) => {
        cancelDeadline();
        reject(error);
      };
      const deadline = new Date(claim.started.deadline);
      const cancelDeadline = this.dependencies.clock.wakeAt(deadline, () => abort.abort('deadline' satisfies EndCause));
      signal.addEventListener('abort', () => end(null), { once: true });
      this.callAgent(claim, traceparent, signal).then(end, fail);
    });
  }

  private async callAgent(
    { state, started }: Claim,
    traceparent: string,
    signal: AbortSignal,
  ): Promise<CallEnd | null> {
    const { agent, idempotencyKey } = started;
    try {
      const input = await this.inputFor(state, started);
      const deadline = new Date(started.deadline);
      const called = this.dependencies.agents.call({ agent, input, idempotencyKey, traceparent, deadline, signal });
      failpoint('request-written');
      const reply = await called;
      failpoint('reply-received');
      return signal.aborted ? null : { reply };
    } catch (thrown) {
      // Only the artifact store can throw here; the agents port answers whatever happens.
      return { report: storeFailure(started, thrown) };
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
