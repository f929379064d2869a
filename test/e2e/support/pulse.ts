/** How long an instance needs to answer a liveness probe while it does other work. */
import { setTimeout as delay } from 'node:timers/promises';

export type Pulse = Readonly<{ worstMs: number; beats: number }>;

export const pulseDuring = async (url: string, work: () => Promise<unknown>): Promise<Pulse> => {
  let [worstMs, beats, isOver] = [0, 0, false];
  const feel = async () => {
    while (!isOver) {
      const begin = performance.now();
      const { status } = await fetch(`${url}/health/live`);
      if (status !== 200) throw new Error(`Health: expected 200, got ${status}`);
      worstMs = Math.max(worstMs, performance.now() - begin);
      beats += 1;
      await delay(10);
    }
  };
  const feeling = feel();
  try {
    await work();
  } finally {
    isOver = true;
    await feeling;
  }
  return { worstMs, beats };
};
