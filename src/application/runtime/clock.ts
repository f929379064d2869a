/** The only source of time. Instances' clocks may differ: what must be agreed on is stored in events. */
export abstract class Clock {
  abstract now(): Date;
  /** Calls `wake` once, at or after `at` by this clock, which may be set meanwhile. @returns a function that cancels the call */
  abstract wakeAt(at: Date, wake: () => void): () => void;
  /** Calls `wake` once, when `ms` have passed, whatever the clock is set to meanwhile. @returns as `wakeAt` does */
  abstract wakeAfter(ms: number, wake: () => void): () => void;
}

/** Resolves after `ms`, or at once when `signal` is or gets aborted. */
export const sleep = (clock: Clock, ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      signal?.removeEventListener('abort', done);
      cancel();
      resolve();
    };
    const cancel = clock.wakeAfter(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });

/**
 * Does `act` now and again `everyMs` after it has ended, until `signal`; an error goes to `onError` and does not end the loop.
 * @param maximumPauseMs after each further error in a row the pause doubles, up to this
 */
export const every = async (
  clock: Clock,
  everyMs: number,
  signal: AbortSignal,
  act: () => Promise<void>,
  onError: (error: unknown) => void,
  maximumPauseMs = everyMs,
): Promise<void> => {
  for (let errors = 0; !signal.aborted;) {
    try {
      await act();
      errors = 0;
    } catch (error) {
      errors += 1;
      if (!signal.aborted) onError(error);
    }
    const pauseMs = errors > 1 ? Math.min(maximumPauseMs, everyMs * 2 ** (errors - 1)) : everyMs;
    await sleep(clock, pauseMs, signal);
  }
};
