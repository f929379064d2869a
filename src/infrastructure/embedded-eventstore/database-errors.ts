import { setTimeout as delay } from 'node:timers/promises';

const CONNECTION_ERRORS = /^(08|57P0|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|53300)/;

/** Whether the database was away, so that the same statement may do later. */
export function isConnectionLoss(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return (
    CONNECTION_ERRORS.test(code ?? '') ||
    /connection (terminated|ended)|timeout exceeded when trying to connect|not queryable/i.test(message ?? '')
  );
}

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
