import { sleep, type Clock } from '../runtime/clock.js';

/** How long a query waits for the read tables, and how often it looks. */
export type Patience = Readonly<{ waitMs: number; everyMs: number }>;
export const READ_YOUR_WRITES: Patience = { waitMs: 2_000, everyMs: 20 };

/** Asks until `isSettled`, at most for the time given. @returns the last answer, settled or not */
export const untilSettled = async <T>(
  clock: Clock,
  ask: () => Promise<T>,
  isSettled: (answer: T) => boolean,
  { waitMs, everyMs }: Patience = READ_YOUR_WRITES,
): Promise<T> => {
  let isOver = false;
  const cancel = clock.wakeAfter(waitMs, () => (isOver = true));
  try {
    for (;;) {
      const answer = await ask();
      if (isSettled(answer) || isOver) return answer;
      await sleep(clock, everyMs);
    }
  } finally {
    cancel();
  }
};
