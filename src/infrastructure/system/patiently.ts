import { setTimeout as delay } from 'node:timers/promises';

export type Patience = Readonly<{
  /** How long it is tried again where `isAway` says that it may do later, milliseconds. */
  forMs: number;
  isAway: (error: unknown) => boolean;
  /** Called once, for the first failure. */
  waiting: (error: unknown) => void;
  /** Ends the waiting with its reason. */
  signal?: AbortSignal;
}>;

const PAUSE_MS = 500;

/** @throws the last error when the time is over, at once one for which waiting is of no use, or the signal's reason */
export const patiently = async <T>(work: () => Promise<T>, patience: Patience): Promise<T> => {
  const { forMs, isAway, waiting, signal } = patience;
  const giveUpAt = performance.now() + forMs;
  for (let failures = 0; ; failures++) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!isAway(error) || performance.now() + PAUSE_MS > giveUpAt) throw error;
      if (failures === 0) waiting(error);
    }
    await delay(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
};
