/** Runs the schedules that its parent process names, one range after the other. */
import { runSchedule } from './run.js';
import { emptyTally } from './tally.js';

export type Range = Readonly<{ from: number; count: number; isPlain?: boolean }>;

process.on('message', (range: Range) => void work(range));
process.send?.('ready');

const work = async ({ from, count, isPlain = false }: Range): Promise<void> => {
  const tally = emptyTally();
  for (let seed = from; seed < from + count; seed++) {
    const { violations, counts, recoveryMs } = await runOne(seed, isPlain);
    tally.schedules++;
    if (violations.length > 0) tally.failures.push({ seed, violations: violations.slice(0, 10), isPlain });
    if (recoveryMs > tally.slowestRecoveryMs) [tally.slowestRecoveryMs, tally.slowestSeed] = [recoveryMs, seed];
    for (const [what, n] of counts) tally.counts[what] = (tally.counts[what] ?? 0) + n;
  }
  process.send?.(tally);
};

/** An unexpected error is a violation like any other. */
const runOne = async (seed: number, isPlain: boolean) => {
  try {
    return await runSchedule({ seed, isPlain });
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { violations: [`error the run ended with ${text}`], counts: new Map<string, number>(), recoveryMs: 0 };
  }
};
