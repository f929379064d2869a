/** A start may come while the servers that it needs are being restarted: it waits for them, and then says which setting leads nowhere. */
import { LogUnavailable, type EventLog } from '../../application/log/event-log.js';
import { reasonOf } from '../../application/runtime/errors.js';
import { patiently } from './patiently.js';
import { isConnectionLoss } from '../postgres/session/connection-loss.js';
import { SessionsAreShared } from '../postgres/session/sessions-are-shared.js';

export type Waits = Readonly<{ forMs: number; warn: (line: string) => void; signal?: AbortSignal }>;

/** @param isGiven whether the operator named it; what this application started itself is not to be found in a setting */
export const whileDatabaseIsAway = async <T>(waits: Waits, isGiven: boolean, open: () => Promise<T>): Promise<T> => {
  const what = isGiven ? 'the database of DATABASE_URL' : 'the embedded Postgres';
  try {
    return await patiently(open, { ...waits, isAway: isConnectionLoss, waiting: waiting(waits, what) });
  } catch (error) {
    if (!isGiven || waits.signal?.aborted || namesTheSetting(error)) throw error;
    if (!isConnectionLoss(error)) throw failure('DATABASE_URL: expected a Postgres that can be used', error);
    throw failure(`DATABASE_URL: expected a Postgres that answers within ${waits.forMs} ms (START_WAIT_MS)`, error);
  }
};

/** Resolves when it answers. */
export const whileLogIsAway = async (waits: Waits, log: Pick<EventLog, 'head'>): Promise<void> => {
  const what = 'the event store of EVENTSTORE_URL';
  try {
    await patiently(() => log.head(), { ...waits, isAway: isLogAway, waiting: waiting(waits, what) });
  } catch (error) {
    if (waits.signal?.aborted) throw error;
    if (!isLogAway(error)) throw failure('EVENTSTORE_URL: expected an event store that can be used', error);
    throw failure(
      `EVENTSTORE_URL: expected an event store that answers within ${waits.forMs} ms (START_WAIT_MS)`,
      error,
    );
  }
};

const waiting =
  ({ forMs, warn }: Waits, what: string) =>
  (error: unknown): void =>
    warn(`Waiting up to ${forMs} ms for ${what}: ${reasonOf(error)}`);

const namesTheSetting = (error: unknown): boolean =>
  error instanceof SessionsAreShared || (error instanceof Error && error.message.startsWith('DATABASE_URL: '));

/** Who is refused now is refused later. */
const isLogAway = (error: unknown): boolean => {
  const { type } = (error as { cause?: { type?: unknown } }).cause ?? {};
  return error instanceof LogUnavailable && type !== 'access-denied';
};

const failure = (expected: string, cause: unknown): Error =>
  new Error(`${expected}, got: ${reasonOf(cause)}. Start it, or correct the setting`, { cause });
