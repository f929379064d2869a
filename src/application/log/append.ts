import { sleep, type Clock } from '../runtime/clock.js';
import {
  AppendOutcomeUnknown,
  LogUnavailable,
  RevisionConflict,
  type Appended,
  type EventLog,
  type ExpectedRevision,
  type NewEvent,
  type RecordedEvent,
} from './event-log.js';

export type AppendLimits = Readonly<{
  /** Tries of one append whose outcome stays unknown, and the pause before the second; it doubles. */
  maximumTries: number;
  initialPauseMs: number;
}>;

export const DEFAULT_APPEND_LIMITS: AppendLimits = {
  maximumTries: 5,
  initialPauseMs: 100,
};

/**
 * Appends, and finds out what happened when no answer came: the same event ids at the same expected revision are either
 * taken now, recognised as already there, or refused because another writer was first.
 * @throws RevisionConflict, or LogUnavailable when the log stayed silent through all tries
 */
export const appendWithRetry = async (
  log: EventLog,
  clock: Clock,
  stream: string,
  events: readonly NewEvent[],
  expected: ExpectedRevision,
  limits: AppendLimits,
): Promise<Appended> => {
  for (let tried = 1, unknown = false; ; tried++) {
    try {
      return await log.append(stream, events, expected);
    } catch (error) {
      if (error instanceof RevisionConflict) {
        const ours = unknown ? await findOurs(log, stream, events, expected) : undefined;
        if (ours) return ours;
        throw error;
      }
      if (!(error instanceof AppendOutcomeUnknown) && !(error instanceof LogUnavailable)) throw error;
      unknown ||= error instanceof AppendOutcomeUnknown;
      if (tried >= limits.maximumTries) {
        throw new LogUnavailable(`The event log gave no clear answer in ${tried} tries: ${error.message}`, {
          cause: error,
        });
      }
      await sleep(clock, limits.initialPauseMs * 2 ** (tried - 1));
    }
  }
};

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

const PAGE_EVENTS = 20;
/** Pages of one look. What is not found by then is looked for from there the next time. */
const PAGES = 50;

/** Finds what comes next in some streams, and does not read again what is in others. */
export class NextEvent {
  private passed: bigint | 'start' = 'start';

  constructor(
    private readonly log: Pick<EventLog, 'page'>,
    private readonly prefixes: readonly string[],
  ) {}

  /** @param position never lower than the time before. @throws LogUnavailable */
  async after(position: bigint | 'start'): Promise<RecordedEvent | null> {
    if (position !== 'start' && (this.passed === 'start' || this.passed < position)) this.passed = position;
    for (let pages = 0; pages < PAGES; pages++) {
      const page = await this.log.page(this.passed, PAGE_EVENTS);
      const next = page.find(({ stream }) => this.prefixes.some((prefix) => stream.startsWith(prefix)));
      if (next) return next;
      this.passed = page.at(-1)?.position ?? this.passed;
      if (page.length < PAGE_EVENTS) return null;
    }
    return null;
  }
}
