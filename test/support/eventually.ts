import { setTimeout as delay } from 'node:timers/promises';

export type Patience = Readonly<{ deadlineMs?: number; everyMs?: number }>;

const [OFTEN_MS, SELDOM_MS] = [20, 200];
/** A long wait looks less often, as most looks ask a server that has work to do: a wait is over late by at most this part. */
const LATE_BY = 1 / 20;

/**
 * Runs `check` until it neither throws nor returns `false`, and returns its value. Without `everyMs` it runs every 20 ms at
 * first, and less often the longer it has waited.
 * @throws the last error of `check`, or that it stayed false, when `deadlineMs` (default 20 000) is over
 */
export async function eventually<T>(check: () => T | Promise<T>, patience: Patience = {}): Promise<Exclude<T, false>> {
  const { deadlineMs = 20_000, everyMs } = patience;
  const beganAt = performance.now();
  for (;;) {
    let failure: unknown;
    try {
      const answer = await check();
      if (answer !== false) return answer as Exclude<T, false>;
      failure = new Error(`Not true within ${deadlineMs} ms: ${check.toString()}`);
    } catch (error) {
      failure = error;
    }
    const waitedMs = performance.now() - beganAt;
    if (waitedMs >= deadlineMs) throw failure;
    await delay(everyMs ?? Math.min(Math.max(OFTEN_MS, waitedMs * LATE_BY), SELDOM_MS));
  }
}
