import type { StepCommand } from '../../domain/workflow/commands.js';
import type { ExistingWorkflow } from '../../domain/workflow/state.js';
import { CommandRejected } from '../../domain/decider.js';
import { AppendRefused, HistoryDamaged, isLogAway, StreamTombstoned } from '../log/event-log.js';
import { Semaphore } from '../runtime/bounded-concurrency.js';
import { sleep, type Clock } from '../runtime/clock.js';
import { reasonOf, type OnError } from '../runtime/errors.js';
import { failpoint } from '../runtime/failpoint.js';
import { existing, type Outcome } from '../workflow/fold-cache.js';
import { taskCommandId } from '../workflow/tasks.js';
import type { CommandEnvelope, Workflows } from '../workflow/workflows.js';
import type { Answer, AnswerRef } from './answers.js';
import type { EndCause } from './calls.js';
import { actorOf } from './envelopes.js';
import { KeepWatch } from './keep-watch.js';
import type { KeptAnswers } from './kept-answers.js';
import { ArtifactsAway, tooLarge, type Results } from './results.js';

export type RecorderLimits = Readonly<{
  /** An answer that is not recorded by then goes to the disk, too. */
  keepAfterMs: number;
  /** Before the second try, where the first one failed; it doubles up to the maximum. */
  initialPauseMs: number;
  maximumPauseMs: number;
  /** Tries with an artifact store that can be reached and takes nothing. */
  storeTries: number;
  /** Answers that are in memory only while they are tried again, at the same time. */
  readAtOnce: number;
}>;

const DEFAULT_RECORDER_LIMITS: RecorderLimits = {
  keepAfterMs: 1_000,
  initialPauseMs: 1_000,
  maximumPauseMs: 8_000,
  storeTries: 5,
  readAtOnce: 4,
};

/** The claim of the following step, which goes into one append with the report. */
export type NextClaim = (state: ExistingWorkflow, traceparent: string | null) => CommandEnvelope | undefined;

type Dependencies = Readonly<{
  workflows: Workflows;
  results: Results;
  kept: KeptAnswers;
  clock: Clock;
  onError: OnError;
}>;

/**
 * Takes an agent's answer into the log, however long the log is away. Whether it still counts is decided on the history as it is
 * then: an attempt that another instance has ended in the meantime takes no result.
 */
export class AnswerRecorder {
  /** Of answers whose first try failed: as long as one is in memory, its report need not be made again. */
  private readonly reports = new WeakMap<Answer, StepCommand>();
  private readonly reading: Semaphore;
  private readonly watch: KeepWatch;

  constructor(
    private readonly dependencies: Dependencies,
    private readonly limits: RecorderLimits = DEFAULT_RECORDER_LIMITS,
  ) {
    const { clock, kept } = dependencies;
    this.reading = new Semaphore(limits.readAtOnce);
    const late = (ref: AnswerRef) => void kept.keep(ref, 'the event log has not answered yet');
    this.watch = new KeepWatch(clock, limits.keepAfterMs, late);
  }

  /**
   * @param ended asked for where the answer has to wait. It ends the waiting: the answer stays on the disk, if it is there,
   * unless the history no longer wants it
   * @returns null where nothing was recorded
   * @throws what makes it useless to try again
   */
  async record(answer: Answer, next: NextClaim, ended: () => AbortSignal): Promise<Outcome | null> {
    if (!this.dependencies.kept.begin(answer)) return null;
    this.watch.begin(answer);
    return this.recordKept(answer, next, ended);
  }

  /** The same for an answer that is kept already. */
  async recordKept(ref: AnswerRef, next: NextClaim, ended: () => AbortSignal): Promise<Outcome | null> {
    const { kept, clock } = this.dependencies;
    let signal: AbortSignal | undefined;
    for (let tried = 1; ; tried++) {
      try {
        const outcome = await this.tryOnce(ref, next, tried >= this.limits.storeTries);
        this.watch.end(ref);
        await kept.end(ref);
        return outcome;
      } catch (error) {
        this.watch.end(ref);
        if (isForGood(error)) {
          await this.settle(ref, error);
          throw error;
        }
        if (!(await kept.keep(ref, reasonOf(error)))) return null;
        if (tried === 1 && !isAway(error)) this.logOnce(ref, error);
      }
      signal ??= ended();
      await sleep(clock, this.pauseMs(tried), signal);
      if (!signal.aborted) continue;
      if ((signal.reason as EndCause) === 'over') await kept.end(ref);
      return null;
    }
  }

  private tryOnce(ref: AnswerRef, next: NextClaim, isLastTry: boolean): Promise<Outcome | null> {
    const { kept, workflows } = this.dependencies;
    const answer = kept.inMemory(ref);
    if (answer) return this.recordOnce(answer, next, isLastTry);
    return this.reading.pass(async () => {
      // The log is asked before the disk: while it is away, nothing is read.
      await workflows.refresh(ref.executionId);
      const read = await kept.read(ref);
      return read && this.recordOnce(read, next, isLastTry);
    });
  }

  private async recordOnce(answer: Answer, next: NextClaim, isLastTry: boolean): Promise<Outcome> {
    const report =
      this.reports.get(answer) ?? (await this.dependencies.results.report(answer, answer.reply, isLastTry));
    try {
      return await this.execute(answer, report, next);
    } catch (error) {
      if (error instanceof AppendRefused && error.reason === 'too-large')
        return this.execute(answer, tooLarge(answer, error), next);
      this.reports.set(answer, report);
      throw error;
    }
  }

  private async execute(answer: Answer, command: StepCommand, next: NextClaim): Promise<Outcome> {
    const { executionId, commandId, at, causationId, traceparent } = answer;
    const agent = answer.agent ?? (await this.agentOf(answer));
    const context = {
      commandId: commandId ?? taskCommandId(answer, command.type),
      at,
      actor: actorOf(command, { agent }),
      reason: null,
      causationId,
      traceparent,
    };
    const claim = (after: ExistingWorkflow) => next(after, traceparent);
    const outcome = await this.dependencies.workflows.execute(executionId, { command, context }, claim);
    failpoint('result-appended');
    return outcome;
  }

  private async agentOf({ executionId, step }: Answer): Promise<string> {
    const { definition } = existing((await this.dependencies.workflows.load(executionId)).state);
    return definition.steps.find(({ name }) => name === step)?.agent ?? step;
  }

  /** What is refused today may be taken later: an operator may give the rights, or the right log. */
  private async settle(ref: AnswerRef, error: unknown): Promise<void> {
    const { kept } = this.dependencies;
    if (error instanceof StreamTombstoned || (error instanceof AppendRefused && error.reason === 'deleted')) {
      await kept.end(ref);
      return;
    }
    await kept.keep(ref, reasonOf(error));
    // Another log than the one of the claim: an execution that it does not have is looked at by nobody here.
    if (error instanceof CommandRejected) kept.leave(ref);
  }

  private logOnce({ executionId }: AnswerRef, error: unknown): void {
    this.dependencies.onError(`Execution ${executionId}: the result is kept, recording it is tried again`, error);
  }

  private pauseMs(tried: number): number {
    return Math.min(this.limits.maximumPauseMs, this.limits.initialPauseMs * 2 ** (tried - 1));
  }
}

/** Said once for all answers, where the first of them is kept. */
const isAway = (error: unknown): boolean => isLogAway(error) || error instanceof ArtifactsAway;

const isForGood = (error: unknown): boolean =>
  [AppendRefused, HistoryDamaged, CommandRejected].some((known) => error instanceof known);
