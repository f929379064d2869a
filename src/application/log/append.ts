import { sleep, type Clock } from '../runtime/clock.js';
import {
  AppendOutcomeUnknown,
  LogMismatch,
  LogUnavailable,
  RevisionConflict,
  type Appended,
  type EventLog,
  type ExpectedRevision,
  type NewEvent,
} from './event-log.js';

export type AppendLimits = Readonly<{
  /** Tries of one append whose outcome stays unknown, and the pause before the second; it doubles. */
  maximumTries: number;
  initialPauseMs: number;
}>;

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
      if (error instanceof LogMismatch) throw error;
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
