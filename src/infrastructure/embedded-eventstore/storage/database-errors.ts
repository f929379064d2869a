import { setTimeout as delay } from 'node:timers/promises';
import { isConnectionLoss } from '../../postgres/session/connection-loss.js';

/** Runs `action` again while the database is away, for at most `limitMs`. */
export async function whileAway<T>(action: () => Promise<T>, limitMs: number, pauseMs: number): Promise<T> {
  const giveUpAt = Date.now() + limitMs;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!isConnectionLoss(error) || Date.now() >= giveUpAt) throw error;
      await delay(pauseMs);
    }
  }
}
