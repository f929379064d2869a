/** The only source of time. Instances' clocks may differ: what must be agreed on is stored in events. */
export abstract class Clock {
  abstract now(): Date;
  /** Calls `wake` once, at or after `at`. @returns a function that takes the wish back */
  abstract wakeAt(at: Date, wake: () => void): () => void;
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
    const cancel = clock.wakeAt(new Date(clock.now().getTime() + ms), done);
    signal?.addEventListener('abort', done, { once: true });
  });
