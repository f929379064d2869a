import type pg from 'pg';
import { SessionLock } from './session-lock.js';
import { setTimes } from './session-settings.js';

type Session = Readonly<{ guard: (lock: SessionLock) => void; close: () => Promise<void> }>;
type LeadLimits = Readonly<{
  statementTimeoutMs: number;
  /** A leader that the database has not heard of for longer loses its connection: another may lead. */
  silenceMs: number;
}>;

/**
 * Connects the client and takes the lock that makes its session the leader's.
 * @returns null, with the session closed, while another has it
 */
export const tryLeadOn = async <Own extends Session>(
  client: pg.Client,
  session: Own,
  key: string,
  { statementTimeoutMs, silenceMs }: LeadLimits,
): Promise<Own | null> => {
  try {
    await client.connect();
    await setTimes(client, { statement: statementTimeoutMs, idleInTransaction: silenceMs, idle: silenceMs });
    const lock = await SessionLock.tryTake(client, key);
    if (lock) {
      session.guard(lock);
      return session;
    }
  } catch (error) {
    await session.close();
    throw error;
  }
  await session.close();
  return null;
};
