import type { CallResult } from '../../domain/agent/circuit.js';
import { nextEffects } from '../../domain/workflow/next-effects.js';
import { currentAgent, type ExistingWorkflow, type WorkflowState } from '../../domain/workflow/state.js';
import { AgentLimiter, NO_RULES, type AgentRules, type Reservation } from '../agents/agent-limiter.js';
import { isLogAway, isTombstone } from '../log/event-log.js';
import type { Ids } from '../log/ids.js';
import { sleep, type Clock } from '../runtime/clock.js';
import type { OnError } from '../runtime/errors.js';
import { failpoint } from '../runtime/failpoint.js';
import { InFlight, SerialPerKey } from '../runtime/bounded-concurrency.js';
import type { Outcome } from '../workflow/fold-cache.js';
import type { HeldBackExecutions } from '../workflow/held-back.js';
import type { CommandEnvelope, ExecuteOptions, Workflows } from '../workflow/workflows.js';
import type { AnswerRecorder, NextClaim } from './answer-recorder.js';
import type { Answer, AnswerRef } from './answers.js';
import { AnswersFirst } from './answers-first.js';
import { claimedBy, type AttemptRunner, type Claim } from './attempt-runner.js';
import { Calls, type EndCause } from './calls.js';
import { NO_CAUSE, envelopeOf, startStep } from './envelopes.js';
import type { KeptAnswers } from './kept-answers.js';
import { isClaimBy, isHandOver, type ForeignEvent } from './foreign-event.js';
import { KeptRecordings } from './kept-recordings.js';
import { RightsTrial } from './rights-trial.js';
import { Timers } from './timers.js';
import { WorkerLiveness } from './worker-liveness.js';

export type SagaLimits = Readonly<{
  /** Agent calls at once on this instance. */
  concurrentSteps: number;
  /** Executions in the queue of one agent, and timers, kept in memory; the sweep finds the executions beyond them. */
  remembered: number;
  /** Pause before an execution is looked at again after an error. */
  errorPauseMs: number;
  /** After the log was away, answers that wait for it come before what only the time says: timeouts, silent workers. */
  answersFirstMs: number;
}>;

type Dependencies = Readonly<{
  workflows: Workflows;
  attempts: AttemptRunner;
  recorder: AnswerRecorder;
  kept: KeptAnswers;
  heldBack: HeldBackExecutions;
  clock: Clock;
  ids: Ids;
  onError: OnError;
}>;

/**
 * Carries out what nextEffects() asks for. Holds nothing that the log does not: forgetting all of it costs a sweep.
 * The StepStarted append is the lock: of two instances that try, one gets the event back and calls the agent.
 */
export class WorkflowSaga {
  private readonly calls = new Calls();
  private readonly limiter: AgentLimiter;
  private readonly timers: Timers;
  private readonly looks = new SerialPerKey((executionId) => this.look(executionId));
  /** Executions with an append in flight that may claim a step: the log may show the claim before the append is answered. */
  private readonly claiming = new InFlight((executionId) => this.wake(executionId, false));
  private readonly workers: WorkerLiveness;
  /** Executions that the sweep found just now, as their worker may be gone. */
  private readonly suspects = new Set<string>();
  private readonly answersFirst: AnswersFirst;
  private readonly recordings: KeptRecordings;
  private readonly rights: RightsTrial;
  private readonly ending = new AbortController();

  constructor(
    private readonly dependencies: Dependencies,
    private readonly worker: string,
    private readonly limits: SagaLimits,
    agentRules: AgentRules = NO_RULES,
  ) {
    const { clock, kept } = dependencies;
    const wake = (executionId: string) => this.wake(executionId, false);
    this.limiter = new AgentLimiter(limits, agentRules, clock, wake);
    this.timers = new Timers(clock, limits.remembered, (executionId) => void wake(executionId));
    this.workers = new WorkerLiveness(clock);
    this.answersFirst = new AnswersFirst(clock, worker, limits.answersFirstMs);
    this.recordings = new KeptRecordings(kept, (ref) => this.recordKept(ref));
    this.rights = new RightsTrial(dependencies.heldBack, clock, (executionId) => this.restored(executionId));
  }

  /** Executes an operator's command and, in the same append, claims the step that it sets free. */
  submit(executionId: string, envelope: CommandEnvelope, options?: ExecuteOptions): Promise<Outcome> {
    failpoint('command-accepted');
    const reservation = this.limiter.reservation(executionId);
    const next = (state: ExistingWorkflow) => this.claimNext(state, envelope.context.traceparent, reservation);
    const write = () => this.dependencies.workflows.execute(executionId, envelope, next, options);
    return this.execute(executionId, reservation, write);
  }

  /** Answers that earlier processes of this data folder left behind. */
  begin(): Promise<void> {
    return this.recordings.begin();
  }

  /** An answer that came by token while the log was away: it is recorded when the log is back, if it is wanted then. */
  keep(answer: Answer): void {
    if (!this.closing) this.recordings.keep(answer);
  }

  /**
   * Looks at an execution again; any number of calls lead to the same. Only a fresh view of the workers may take over.
   * @param seenAt a revision that others have seen, and this instance may not have
   */
  async wake(executionId: string, mayTakeOver = true, seenAt = 0n): Promise<void> {
    if (this.closing) return;
    if (mayTakeOver) this.suspects.add(executionId);
    try {
      if (seenAt > 0n) await this.dependencies.workflows.catchUp(executionId, seenAt);
      await this.looks.take(executionId);
    } catch (error) {
      this.failed(
        executionId,
        `Execution ${executionId} could not be taken further; it will be looked at again`,
        error,
      );
    }
  }

  /** The log shows this event: it may end the call that runs here, hand its step over, or be a claim that was given up. */
  async onForeignEvent(executionId: string, event: ForeignEvent): Promise<void> {
    if (isTombstone(event)) return this.wake(executionId, false, event.revision);
    const isGivenUp = isClaimBy(this.worker, event) && !this.claiming.has(executionId);
    const isTaken = this.taken(executionId);
    const concernsUs = this.calls.has(executionId) || isGivenUp || isHandOver(event) || isTaken;
    if (concernsUs && (await this.dependencies.workflows.catchUp(executionId, event.revision)))
      void this.wake(executionId, false);
  }

  /** Which other instances gave a sign of life lately. After `forMs` it is forgotten: this process may have stood still. */
  aliveWorkers(workers: ReadonlySet<string>, forMs = Infinity): void {
    this.workers.hear(workers, forMs);
  }

  /** An operator held or released an agent, or its hold was read for the first time: other executions may have their turn. */
  agentsChanged(): void {
    this.limiter.serve();
  }

  /** The calls of one agent on this instance, its queue here, and its limits. */
  agent(name: string) {
    return this.limiter.status(name);
  }

  /** Takes no new work, waits for the calls in flight, hands over the rest. Resolves when nothing runs here. */
  async stop(graceMs: number): Promise<void> {
    this.ending.abort('shutdown' satisfies EndCause);
    failpoint('drain');
    this.timers.clearAll();
    this.rights.stop();
    this.limiter.close();
    const patience = new AbortController();
    await Promise.race([this.calls.drained(), sleep(this.dependencies.clock, graceMs, patience.signal)]);
    patience.abort();
    this.calls.abortAll('shutdown');
    await this.calls.drained();
    await this.recordings.drained();
  }

  private get closing(): boolean {
    return this.ending.signal.aborted;
  }

  private async look(executionId: string): Promise<void> {
    const mayTakeOver = this.suspects.delete(executionId);
    if (this.dependencies.heldBack.of(executionId)) return;
    const { state, revision } = await this.dependencies.workflows.load(executionId);
    this.calls.abortIfOver(executionId, { state, revision });
    for (const effect of this.effects(executionId, state, mayTakeOver)) {
      if (effect.kind === 'WakeAt') this.timers.set(executionId, new Date(effect.at));
      else if (effect.kind === 'RunStep') await this.startStep(executionId, state);
      else if (this.answersFirst.mayChange(state)) this.timers.set(executionId, new Date(this.answersFirst.until));
      else await this.submit(executionId, envelopeOf(this.dependencies, effect.command, NO_CAUSE));
    }
  }

  private async startStep(executionId: string, state: WorkflowState): Promise<void> {
    if (state.status === 'none' || this.closing || this.calls.has(executionId)) return;
    const reservation = this.limiter.reservation(executionId);
    const claim = this.claimNext(state, null, reservation);
    if (!claim) return this.limiter.enqueue(currentAgent(state), executionId);
    await this.execute(executionId, reservation, () => this.dependencies.workflows.execute(executionId, claim));
  }

  private execute(executionId: string, reservation: Reservation, write: () => Promise<Outcome>): Promise<Outcome> {
    return this.claiming.during(executionId, async () => {
      try {
        const outcome = await write();
        failpoint('command-appended');
        this.follow(executionId, outcome, reservation);
        return outcome;
      } catch (error) {
        reservation.release();
        if (isLogAway(error)) {
          this.answersFirst.logWasAway();
          // An append that was given up may have been carried out, or may yet be.
          this.lookAgainLater(executionId);
        }
        throw error;
      }
    });
  }

  /** After an append: runs what it claimed, ends the call that it made pointless, sees to the effects that are left. */
  private follow(executionId: string, outcome: Outcome, reservation: Reservation): void {
    if (outcome.appended.length > 0) this.taken(executionId);
    this.calls.abortIfOver(executionId, outcome);
    const claim = claimedBy(this.worker, outcome);
    if (claim) return this.run(executionId, claim, reservation);
    const effects = this.effects(executionId, outcome.state);
    if (!effects.some(({ kind }) => kind === 'RunStep')) this.limiter.dequeue(currentAgent(outcome.state), executionId);
    reservation.release();
    if (effects.length > 0) void this.wake(executionId, false);
  }

  private run(executionId: string, claim: Claim, reservation: Reservation): void {
    failpoint('after-step-started');
    reservation.called();
    const { attempts } = this.dependencies;
    const hooks = {
      onCallEnded: (result: CallResult | null) => reservation.answered(result),
      next: this.nextFor(reservation),
      ending: this.ending.signal,
    };
    const ran = this.calls.track(executionId, claim, (abort) => attempts.run(claim, abort, hooks));
    void this.afterwards(executionId, ran, reservation);
  }

  private recordKept(ref: AnswerRef): Promise<void> {
    const reservation = this.limiter.reservation(ref.executionId);
    // A signal for each: Node warns of one that many listen to.
    const ended = () => AbortSignal.any([this.ending.signal]);
    const recorded = this.dependencies.recorder.recordKept(ref, this.nextFor(reservation), ended);
    return this.afterwards(ref.executionId, recorded, reservation);
  }

  private nextFor(reservation: Reservation): NextClaim {
    return (state, traceparent) => this.claimNext(state, traceparent, reservation);
  }

  private async afterwards(executionId: string, recorded: Promise<Outcome | null>, reservation: Reservation) {
    try {
      const outcome = await recorded;
      if (outcome) return this.follow(executionId, outcome, reservation);
      reservation.release();
      void this.wake(executionId, false);
    } catch (error) {
      reservation.release();
      this.failed(executionId, `Execution ${executionId}: a result could not be recorded`, error);
    }
  }

  /** What the log refuses for good is not tried again, nor is what is done to a damaged history. */
  private failed(executionId: string, message: string, error: unknown): void {
    const { heldBack, clock, onError } = this.dependencies;
    const held = heldBack.refused(executionId, error, clock.now());
    const isKnown = heldBack.of(executionId)?.reason === 'denied' && this.rights.denied(executionId);
    if (held?.isNews && !isKnown) onError(`Execution ${executionId} is not taken further`, error);
    if (held) return;
    if (isLogAway(error)) this.answersFirst.logWasAway();
    onError(message, error);
    this.lookAgainLater(executionId);
  }

  /** Its history was damaged and is whole again, or rights were missing that may be there now. */
  restored(executionId: string): void {
    this.recordings.again(executionId);
    void this.wake(executionId, false);
  }

  /** The log has taken an event of it. @returns whether it was held back until now */
  private taken(executionId: string): boolean {
    this.rights.taken();
    if (!this.dependencies.heldBack.release(executionId)) return false;
    this.recordings.again(executionId);
    return true;
  }

  /** Undefined where nothing is to be started, or its agent may not be called now. */
  private claimNext(
    state: ExistingWorkflow,
    traceparent: string | null,
    reservation: Reservation,
  ): CommandEnvelope | undefined {
    const run = this.effects(state.executionId, state).find(({ kind }) => kind === 'RunStep');
    if (this.closing || run?.kind !== 'RunStep' || !reservation.acquire(currentAgent(state))) return undefined;
    failpoint('before-step-started');
    return envelopeOf(this.dependencies, startStep(state, run, this.worker), { ...NO_CAUSE, traceparent });
  }

  private effects(executionId: string, state: WorkflowState, mayTakeOver = false) {
    // Neither its deadline nor the life of its worker counts where the answer of the attempt is here.
    if (this.dependencies.kept.hasAnswerOf(state)) return [];
    const isMine = () => this.calls.has(executionId) || this.claiming.judgeBy(executionId);
    const isAlive = (worker: string) =>
      worker === this.worker ? isMine() : !mayTakeOver || !this.workers.isGone(worker);
    return nextEffects(state, this.dependencies.clock.now(), isAlive);
  }

  private lookAgainLater(executionId: string): void {
    const at = this.dependencies.clock.now().getTime() + this.limits.errorPauseMs;
    if (!this.closing) this.timers.set(executionId, new Date(at));
  }
}
