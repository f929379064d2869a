/** Bounded loads, for a set time: of callers that ask again as soon as they are answered, and of requests at a set rate. */
import { setTimeout as pause } from 'node:timers/promises';
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
  return measured(times, measureMs);
}

/** A request is made when its time has come, whether those before are answered or not, and counts from then. */
export async function atRate(perSecond: number, forMs: number, ask: () => Promise<void>): Promise<Measured> {
  const from = performance.now();
  const times: number[] = [];
  const askAt = async (due: number) => {
    await pause(due - performance.now());
    await ask();
    times.push(performance.now() - due);
  };
  const count = Math.ceil((forMs * perSecond) / 1_000);
  await Promise.all(Array.from({ length: count }, (_, request) => askAt(from + (request * 1_000) / perSecond)));
  return measured(times, forMs);
}

const measured = (times: readonly number[], forMs: number): Measured => ({
  rate: (times.length * 1_000) / forMs,
  p50: percentile(times, 0.5),
  p99: percentile(times, 0.99),
});
