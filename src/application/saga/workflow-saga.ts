import type { StepCommand } from '../../domain/workflow/commands.js';
import { nextEffects } from '../../domain/workflow/next-effects.js';
import { currentAgent, type ExistingWorkflow, type WorkflowState } from '../../domain/workflow/state.js';
import type { OnError } from '../runtime/errors.js';
import { sleep, type Clock } from '../runtime/clock.js';
import { LogUnavailable, StreamTombstoned, type RecordedEvent } from '../log/event-log.js';
import { failpoint } from '../runtime/failpoint.js';
import type { Outcome } from '../workflow/outcome.js';
import type { CommandEnvelope, ExecuteOptions, Workflows } from '../workflow/workflows.js';
import { SerialPerKey, InFlight } from '../runtime/per-key.js';
import { startStep } from './agent-input.js';
import { claimedBy, type Attempts, type Claim } from './attempts.js';
import { Calls } from './calls.js';
import { NO_CAUSE, envelopeOf, type OrderSource } from './envelopes.js';
import { resultOf } from './results.js';
import type { Seat } from './seat.js';
import { NO_RULES, Slots, type AgentRules } from './slots.js';
import { Timers } from './timers.js';

/** What was heard of the instances, as long as it is fresh: this process may have stood still since. */
class WorkerLiveness {
  private heard: Readonly<{ alive: ReadonlySet<string>; until: number }> | null = null;

  constructor(private readonly clock: Clock) {}

  hear(alive: ReadonlySet<string>, forMs: number): void {
    this.heard = { alive, until: this.now() + forMs };
  }

  /** Where nothing is known, nobody is taken for dead. */
  isGone(worker: string): boolean {
    return this.heard !== null && this.now() < this.heard.until && !this.heard.alive.has(worker);
  }

  private now(): number {
    return this.clock.now().getTime();
  }
}

/** What an event of the log says to an instance that has not written it, or does not know that it has. */

type ForeignEvent = Pick<RecordedEvent, 'type' | 'data' | 'revision'>;

/** Its step is anybody's now. */
const isHandOver = ({ type }: ForeignEvent): boolean => type === 'StepInterrupted';

const isClaimBy = (worker: string, { type, data }: ForeignEvent): boolean =>
  type === 'StepStarted' && (data as { worker?: unknown } | null)?.worker === worker;

const REMEMBERED = 10_000;

/** Executions whose stream was tombstoned. Each is logged once: it is still due in the read tables, and each sweep finds it there. */
class EndedStreams {
  private readonly told = new Set<string>();

  constructor(private readonly onError: OnError) {}

  tell(executionId: string, error: StreamTombstoned): void {
    if (this.told.has(executionId)) return;
    if (this.told.size >= REMEMBERED) this.told.clear();
    this.told.add(executionId);
    this.onError(`Execution ${executionId} is not taken further`, error);
  }
}

/**
 * Carries out what nextEffects() asks for. Holds nothing that the log does not: forgetting all of it costs a sweep.
 * The StepStarted append is the lock: of two instances that try, one gets the event back and calls the agent.
 */
export class WorkflowSaga {
  private readonly calls = new Calls();
  private readonly slots: Slots;
  private readonly timers: Timers;
  private readonly turns: SerialPerKey;
  /** Executions with an append under way that may claim a step: the log may show the claim before we have its answer. */
  private readonly claiming = new InFlight((executionId) => this.wake(executionId, false));
  private readonly others: WorkerLiveness;
  /** Those that the sweep brought up just now, as their worker may be gone. */
  private readonly suspects = new Set<string>();
  private readonly ended = new EndedStreams((message, error) => this.onError(message, error));
  private closing = false;

  constructor(
    private readonly workflows: Workflows,
    private readonly attempts: Attempts,
    private readonly clock: Clock,
    private readonly source: OrderSource,
    private readonly worker: string,
    private readonly limits: SagaLimits,
    private readonly onError: OnError,
    agentRules: AgentRules = NO_RULES,
  ) {
    this.others = new WorkerLiveness(clock);
    const wake = (executionId: string) => this.wake(executionId, false);
    this.slots = new Slots(limits, agentRules, clock, wake);
    this.timers = new Timers(clock, limits.remembered, (executionId) => void wake(executionId));
    this.turns = new SerialPerKey((executionId) => this.look(executionId));
  }

  /** Executes an operator's order and, in the same append, claims the step that it sets free. */
  submit(executionId: string, order: CommandEnvelope, terms?: ExecuteOptions): Promise<Outcome> {
    failpoint('command-accepted');
    const seat = this.slots.seat(executionId);
    const next = (state: ExistingWorkflow) => this.claimNext(state, order.context.traceparent, seat);
    return this.execute(executionId, seat, () => this.workflows.execute(executionId, order, next, terms));
  }

  /**
   * Looks at an execution again; any number of calls lead to the same. Only a fresh view of the workers may take over.
   * @param seenAt a revision that others have seen, and this instance may not have
   */
  async wake(executionId: string, mayTakeOver = true, seenAt = 0n): Promise<void> {
    if (this.closing) return;
    if (mayTakeOver) this.suspects.add(executionId);
    try {
      if (seenAt > 0n) await this.workflows.catchUp(executionId, seenAt);
      await this.turns.take(executionId);
    } catch (error) {
      if (error instanceof StreamTombstoned) return this.ended.tell(executionId, error);
      this.onError(`Execution ${executionId} could not be taken further; it will be looked at again`, error);
      this.lookAgainLater(executionId);
    }
  }

  /** The log shows this: it may end the call that runs here, hand its step over, or be a claim that we gave up. */
  async onForeignEvent(executionId: string, event: ForeignEvent): Promise<void> {
    const isGivenUp = isClaimBy(this.worker, event) && !this.claiming.has(executionId);
    const isOurs = this.calls.has(executionId) || isGivenUp || isHandOver(event);
    if (isOurs && (await this.workflows.catchUp(executionId, event.revision))) void this.wake(executionId, false);
  }

  /** Which other instances gave a sign of life lately. After `forMs` it is forgotten: this process may have stood still. */
  aliveWorkers(workers: ReadonlySet<string>, forMs = Infinity): void {
    this.others.hear(workers, forMs);
  }

  /** An operator held or released an agent, or it became known who is held: look who may be called now. */
  agentsChanged(): void {
    this.slots.serve();
  }

  /** The calls of one agent on this instance, who waits for it here, and its limits. */
  agent(name: string) {
    return this.slots.status(name);
  }

  /** Takes no new work, waits for the calls under way, hands over the rest. Resolves when nothing runs here any more. */
  async stop(graceMs: number): Promise<void> {
    this.closing = true;
    failpoint('drain');
    this.timers.clearAll();
    this.slots.close();
    const patience = new AbortController();
    await Promise.race([this.calls.drained(), sleep(this.clock, graceMs, patience.signal)]);
    patience.abort();
    this.calls.abortAll('shutdown');
    await this.calls.drained();
  }

  private async look(executionId: string): Promise<void> {
    const { state, revision } = await this.workflows.load(executionId);
    this.calls.abortIfOver(executionId, { state, revision });
    for (const effect of this.effects(executionId, state, this.suspects.delete(executionId))) {
      if (effect.kind === 'WakeAt') this.timers.set(executionId, new Date(effect.at));
      else if (effect.kind === 'RunStep') await this.startStep(executionId, state);
      else await this.submit(executionId, envelopeOf(this.source, effect.command, NO_CAUSE));
    }
  }

  private async startStep(executionId: string, state: WorkflowState): Promise<void> {
    if (state.status === 'none' || this.closing || this.calls.has(executionId)) return;
    const seat = this.slots.seat(executionId);
    const claim = this.claimNext(state, null, seat);
    if (!claim) return this.slots.waitInLine(currentAgent(state), executionId);
    await this.execute(executionId, seat, () => this.workflows.execute(executionId, claim));
  }

  private execute(executionId: string, seat: Seat, write: () => Promise<Outcome>): Promise<Outcome> {
    return this.claiming.during(executionId, async () => {
      try {
        const outcome = await write();
        failpoint('command-appended');
        this.follow(executionId, outcome, seat);
        return outcome;
      } catch (error) {
        seat.leave();
        // What was given up may have been carried out, or may yet be.
        if (error instanceof LogUnavailable) this.lookAgainLater(executionId);
        throw error;
      }
    });
  }

  /** After an append: run what it claimed, end the call that it made pointless, see to what is owed later. */
  private follow(executionId: string, outcome: Outcome, seat: Seat): void {
    this.calls.abortIfOver(executionId, outcome);
    const claim = claimedBy(this.worker, outcome);
    if (claim) return this.run(executionId, claim, seat);
    const effects = this.effects(executionId, outcome.state);
    if (!effects.some(({ kind }) => kind === 'RunStep')) this.slots.leaveLine(currentAgent(outcome.state), executionId);
    seat.leave();
    if (effects.length > 0) void this.wake(executionId, false);
  }

  private run(executionId: string, claim: Claim, seat: Seat): void {
    failpoint('after-step-started');
    seat.called();
    const heard = (report: StepCommand | null) => seat.answered(resultOf(report));
    const next = (state: ExistingWorkflow, traceparent: string) => this.claimNext(state, traceparent, seat);
    this.calls
      .track(executionId, claim, (abort) => this.attempts.run(claim, abort, heard, next, () => this.closing))
      .then((outcome) => {
        if (outcome) return this.follow(executionId, outcome, seat);
        seat.leave();
        void this.wake(executionId, false);
      })
      .catch((error: unknown) => {
        seat.leave();
        this.onError(`Execution ${executionId}: the result of step ${claim.started.step} could not be recorded`, error);
        this.lookAgainLater(executionId);
      });
  }

  /** None where nothing is to be started, or its agent may not be called now. */
  private claimNext(state: ExistingWorkflow, traceparent: string | null, seat: Seat): CommandEnvelope | undefined {
    const run = this.effects(state.executionId, state).find(({ kind }) => kind === 'RunStep');
    if (this.closing || run?.kind !== 'RunStep' || !seat.takeFor(currentAgent(state))) return undefined;
    failpoint('before-step-started');
    return envelopeOf(this.source, startStep(state, run, this.worker), { ...NO_CAUSE, traceparent });
  }

  private effects(executionId: string, state: WorkflowState, mayTakeOver = false) {
    const isMine = () => this.calls.has(executionId) || this.claiming.judgeBy(executionId);
    const isAlive = (worker: string) =>
      worker === this.worker ? isMine() : !mayTakeOver || !this.others.isGone(worker);
    return nextEffects(state, this.clock.now(), isAlive);
  }

  private lookAgainLater(executionId: string): void {
    if (!this.closing) this.timers.set(executionId, new Date(this.clock.now().getTime() + this.limits.errorPauseMs));
  }
}

export type SagaLimits = Readonly<{
  /** Agent calls at once on this instance. */
  concurrentSteps: number;
  /** Executions that wait in line for one agent, and timers, kept in memory; the sweep finds whatever exceeds them. */
  remembered: number;
  /** Pause before an execution is looked at again after an error. */
  errorPauseMs: number;
}>;
