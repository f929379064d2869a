import { sleep, type Clock } from '../runtime/clock.js';
import {
  AppendOutcomeUnknown,
  AppendsPaused,
  isLogAway,
  LogMismatch,
  LogUnavailable,
  RevisionConflict,
  type Appended,
  type EventLog,
  type ExpectedRevision,
  type NewEvent,
} from './event-log.js';

export type PatienceLimits = Readonly<{
  /** For all tries of one order together, reads and appends; after it the order's caller has its answer. */
  orderMs: number;
  /** The pause before the second try; it doubles, up to the maximum. */
  initialPauseMs: number;
  maximumPauseMs: number;
}>;

/** Of the order's time: how long the last try may wait for its answer. */
const ANSWER_SHARE = 0.1;

/** The time that one order has. Only one thing is done under it at a time. */
export class Patience {
  /** Whether an append may be in the log, or get there yet, without the order's knowledge. */
  private isInDoubt = false;
  private isOver = false;
  private cancel: () => void = () => undefined;

  constructor(
    private readonly clock: Clock,
    private readonly limits: PatienceLimits,
  ) {}

  /**
   * `work`, or the verdict when its time is over. What is under way by then ends unheard, and nothing follows it.
   * @throws AppendOutcomeUnknown where an append is in doubt; LogUnavailable where none is: nothing was written
   */
  during<T>(work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { orderMs } = this.limits;
      const end = () => {
        this.isOver = true;
        reject(this.verdict(new LogUnavailable(`The event log gave no clear answer within ${orderMs} ms`)));
      };
      // A try that begins at the last moment would leave the outcome unknown, be it refused a moment later.
      const answerMs = orderMs * ANSWER_SHARE;
      this.cancel = this.clock.wakeAfter(orderMs - answerMs, () => {
        if (!this.isInDoubt) return end();
        this.isOver = true;
        this.cancel = this.clock.wakeAfter(answerMs, end);
      });
      work().then(
        (done) => {
          this.end();
          resolve(done);
        },
        (error: Error) => {
          this.end();
          reject(error);
        },
      );
    });
  }

  private end(): void {
    this.isOver = true;
    this.cancel();
  }

  /** Reads again while the log is away. @throws LogUnavailable */
  async read<T>(read: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof LogUnavailable) || error instanceof LogMismatch || this.isOver) throw error;
        await this.pause(tried, error);
      }
    }
  }

  /**
   * Appends, and finds out what happened when no answer came: the same event ids at the same expected revision are either
   * taken now, recognised as already there, or refused because another writer was first.
   * @throws RevisionConflict, AppendRefused, LogUnavailable where the log certainly did not take them, AppendOutcomeUnknown
   */
  async append(
    log: EventLog,
    stream: string,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
  ): Promise<Appended> {
    for (let tried = 1, unknown = false; ; tried++) {
      try {
        this.isInDoubt = true;
        return await log.append(stream, events, expected);
      } catch (error) {
        unknown ||= error instanceof AppendOutcomeUnknown;
        this.isInDoubt = unknown;
        if (error instanceof RevisionConflict) {
          const ours = unknown ? await this.read(() => findOurs(log, stream, events, expected)) : undefined;
          // Another writer was first, so these events can get there no more.
          this.isInDoubt = false;
          if (ours) return ours;
          throw error;
        }
        if (!isLogAway(error) || error instanceof AppendsPaused || error instanceof LogMismatch || this.isOver)
          throw this.verdict(error);
        await this.pause(tried, error);
      }
    }
  }

  /** @throws the verdict where the time was over meanwhile: no try may follow it */
  private async pause(tried: number, error: unknown): Promise<void> {
    const { initialPauseMs, maximumPauseMs } = this.limits;
    await sleep(this.clock, Math.min(maximumPauseMs, initialPauseMs * 2 ** (tried - 1)));
    if (this.isOver) throw this.verdict(error);
  }

  /** Whatever came last, an append before it that is in doubt leaves the outcome unknown. */
  private verdict(error: unknown): Error {
    if (!this.isInDoubt || error instanceof AppendOutcomeUnknown) return error as Error;
    const said = error instanceof Error ? error.message : String(error);
    return new AppendOutcomeUnknown(`An append had no clear answer, and then: ${said}`, { cause: error });
  }
}

const findOurs = async (
  log: EventLog,
  stream: string,
  events: readonly NewEvent[],
  expected: ExpectedRevision,
): Promise<Appended | undefined> => {
  const stored = (await log.read(stream, expected === 'none' ? 0n : expected + 1n)).events.slice(0, events.length);
  const last = stored.at(-1);
  const same = stored.length === events.length && events.every(({ id }, index) => stored[index]?.id === id);
  return same && last ? { revision: last.revision, position: last.position } : undefined;
};
