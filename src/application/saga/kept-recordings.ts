import type { Answer, AnswerRef } from './answers.js';
import type { KeptAnswers } from './kept-answers.js';

/** Answers whose call has ended in another process, or that came by token: recorded beside the calls of this instance. */
export class KeptRecordings {
  private readonly recordings = new Set<Promise<void>>();

  /** @param record takes the answer into the log, however long that takes, and never rejects */
  constructor(
    private readonly kept: KeptAnswers,
    private readonly record: (ref: AnswerRef) => Promise<void>,
  ) {}

  /** Those that earlier processes of this data folder left behind. */
  async begin(): Promise<void> {
    for (const ref of await this.kept.open()) this.add(ref);
  }

  /** One that the log does not take now. Nothing where one of that attempt waits already. */
  keep(answer: Answer): void {
    if (!this.kept.begin(answer)) return;
    void this.kept.keep(answer, 'the event log is away');
    this.add(answer);
  }

  /** Those of an execution that was held back until now. */
  again(executionId: string): void {
    for (const ref of this.kept.of(executionId)) this.add(ref);
  }

  /** Resolves when those that are under way have ended. */
  async drained(): Promise<void> {
    await Promise.all(this.recordings);
  }

  private add(ref: AnswerRef): void {
    const recording = this.record(ref);
    this.recordings.add(recording);
    void recording.finally(() => this.recordings.delete(recording));
  }
}
