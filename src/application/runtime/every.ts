import { sleep, type Clock } from './clock.js';

/** Does `act` now and again `everyMs` after it has ended, until `signal`; an error is told and does not end the loop. */
export const every = async (
  clock: Clock,
  everyMs: number,
  signal: AbortSignal,
  act: () => Promise<void>,
  onError: (error: unknown) => void,
): Promise<void> => {
  while (!signal.aborted) {
    try {
      await act();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    await sleep(clock, everyMs, signal);
  }
};
