import type { Engine } from './contender.js';

/** Runs `count` workflows from number `first` on, `inFlight` of them at any time. */
export async function inFlightAlways(engine: Engine, first: number, count: number, inFlight: number): Promise<void> {
  let next = first;
  const runAgain = async () => {
    while (next < first + count) await engine.run(next++);
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, runAgain));
}
