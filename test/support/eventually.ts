import { setTimeout as delay } from 'node:timers/promises';

export type Patience = Readonly<{ deadlineMs?: number; everyMs?: number }>;

/**
 * Runs `check` until it neither throws nor returns `false`, and returns its value.
 * @throws the last error of `check`, or that it stayed false, when `deadlineMs` (default 20 000) is over
 */
export async function eventually<T>(check: () => T | Promise<T>, patience: Patience = {}): Promise<Exclude<T, false>> {
  const { deadlineMs = 20_000, everyMs = 20 } = patience;
  const giveUpAt = Date.now() + deadlineMs;
  for (;;) {
    let failure: unknown;
    try {
      const answer = await check();
      if (answer !== false) return answer as Exclude<T, false>;
      failure = new Error(`Not true within ${deadlineMs} ms: ${check.toString()}`);
    } catch (error) {
      failure = error;
    }
    if (Date.now() >= giveUpAt) throw failure;
    await delay(everyMs);
  }
}
