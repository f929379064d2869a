/** A start may come while the servers that it needs are being restarted: it waits for them, and then says which setting leads nowhere. */
import { setTimeout as delay } from 'node:timers/promises';
import { isLogAway } from '../../application/log/event-log.js';
import { isLasting, type LogFault } from '../../application/log/log-fault.js';
import { reasonOf } from '../../application/runtime/errors.js';
import { isConnectionLoss } from '../postgres/session/pg-client.js';
import { SessionsAreShared } from '../postgres/session/session-lock.js';

type Patience = Readonly<{
  /** How long it is tried again where `isAway` says that it may do later, milliseconds. */
  forMs: number;
  isAway: (error: unknown) => boolean | Promise<boolean>;
  /** Called once, for the first failure. */
  waiting: (error: unknown) => void;
  /** Ends the waiting with its reason. */
  signal?: AbortSignal;
}>;

const PAUSE_MS = 500;

/** @throws the last error when the time is over, at once one for which waiting is of no use, or the signal's reason */
const patiently = async <T>(work: () => Promise<T>, patience: Patience): Promise<T> => {
  const { forMs, isAway, waiting, signal } = patience;
  const giveUpAt = performance.now() + forMs;
  for (let failures = 0; ; failures++) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!(await isAway(error)) || performance.now() + PAUSE_MS > giveUpAt) throw error;
      if (failures === 0) waiting(error);
    }
    await delay(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
};

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

/**
 * Resolves when `tryIt` does. What time does not mend ends the start at once.
 * @param ask why the log could not be used
 */
export const whileLogIsAway = async (
  waits: Waits,
  tryIt: () => Promise<void>,
  ask: (error: unknown) => Promise<LogFault | undefined>,
): Promise<void> => {
  const what = 'the event store of EVENTSTORE_URL';
  let fault: LogFault | undefined;
  const isAway = async (error: unknown) => {
    fault = await ask(error);
    return isLogAway(error) && !isLasting(fault);
  };
  try {
    await patiently(tryIt, { ...waits, isAway, waiting: waiting(waits, what) });
  } catch (error) {
    if (waits.signal?.aborted) throw error;
    const { expected, advice } = expectedOf(fault, isLogAway(error), waits);
    throw failure(`EVENTSTORE_URL: expected ${expected}`, error, advice);
  }
};

/** Without what it got: that is in the error. */
const expectedOf = (fault: LogFault | undefined, isAway: boolean, { forMs }: Waits) => {
  const within = `within ${forMs} ms (START_WAIT_MS)`;
  switch (fault) {
    case 'CREDENTIALS_REFUSED':
      return {
        expected: 'a user and a password that the event store knows',
        advice: 'Correct them there, or the password in EVENTSTORE_PASSWORD_FILE',
      };
    case 'RIGHTS_MISSING':
      return {
        expected: 'a user who may read $all, and read and write the streams of this application',
        advice: 'Give the user these rights (docs/running.md#an-event-store-of-your-own), or name another one',
      };
    case 'TLS_FAILED':
      return {
        expected: 'an event store whose certificate is trusted for this host',
        advice: 'Name its CA in tlsCAFile, correct the host, or set tls=false where it speaks no TLS',
      };
    case 'NO_QUORUM':
      return {
        expected: `an event store with a leader ${within}`,
        advice: 'Start enough of its nodes, or correct the setting',
      };
    case 'NO_CONNECTION':
    case undefined:
      return isAway
        ? { expected: `an event store that answers ${within}`, advice: 'Start it, or correct the setting' }
        : { expected: 'an event store that can be used', advice: 'Start it, or correct the setting' };
  }
};

const waiting =
  ({ forMs, warn }: Waits, what: string) =>
  (error: unknown): void =>
    warn(`Waiting up to ${forMs} ms for ${what}: ${reasonOf(error)}`);

const namesTheSetting = (error: unknown): boolean =>
  error instanceof SessionsAreShared || (error instanceof Error && error.message.startsWith('DATABASE_URL: '));

const failure = (expected: string, cause: unknown, advice = 'Start it, or correct the setting'): Error =>
  new Error(`${expected}, got: ${oneLine(reasonOf(cause))}. ${advice}`, { cause });

/** OpenSSL ends what it says with a line feed. */
const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

/**
 * Work of a tenth of a second each, begun once in each round of the event loop: of thirty pieces that are there at once all
 * would else be done before anything else is answered. In the order in which they came.
 */
export class OneEachRound {
  private free: Promise<void> = Promise.resolve();

  /** Resolves when the work may be done, at once and without waiting for anything in between. */
  turn(): Promise<void> {
    const turn = this.free;
    this.free = turn.then(nextRound);
    return turn;
  }
}

const nextRound = () => new Promise<void>((resolve) => void setImmediate(resolve));
