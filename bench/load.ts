/** A bounded load: so many callers at once, each of which asks again as soon as it is answered, for a set time. */
import { percentile } from './rounds.js';

export type Load = Readonly<{ inFlight: number; warmUpMs: number; measureMs: number }>;

/** Rate per second; times in milliseconds. */
export type Measured = Readonly<{ rate: number; p50: number; p99: number }>;

/** @param ask one request of caller number `caller` (from 0) */
export async function underLoad(
  { inFlight, warmUpMs, measureMs }: Load,
  ask: (caller: number) => Promise<void>,
): Promise<Measured> {
  const from = performance.now() + warmUpMs;
  const until = from + measureMs;
  const times: number[] = [];
  const callAgain = async (caller: number) => {
    for (let now = performance.now(); now < until;) {
      await ask(caller);
      const answered = performance.now();
      if (now >= from && answered <= until) times.push(answered - now);
      now = answered;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, caller) => callAgain(caller)));
  return { rate: (times.length * 1_000) / measureMs, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}
