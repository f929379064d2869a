/** npm run sim -- --schedules N --seed S [--jobs J] [--trace] [--plain] [--regressions] */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { commandLine } from '../support/command-line.js';
import { rangesOf, runBatch } from './batch.js';
import { vacuous, type Tally } from './tally.js';

const USAGE = `Usage: npm run sim -- [--schedules N] [--seed S] [--jobs J] [--trace] [--plain] [--regressions]
The production core over simulated time and faults. --trace tells what the schedule of one seed does, --plain is for seeds from before
task tokens, --regressions runs the seeds that once failed.`;
const { values } = commandLine(USAGE, {
  options: {
    schedules: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(Math.min(4, availableParallelism())) },
    // For seeds from before the simulation had task tokens, holds and bounds: see scenarioOf().
    plain: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    regressions: { type: 'boolean', default: false },
  },
});

const wholeNumber = (name: 'schedules' | 'seed' | 'jobs'): number => {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new Error(`--${name}: expected a whole number, got ${values[name]}`);
};

const RANGE = 25;
const TELL_EVERY_MS = 10_000;
const SHOWN = 10;

const trace = async (seed: number): Promise<boolean> => {
  const { runSchedule } = await import('./run.js');
  const { violations } = await runSchedule({ seed, isPlain: values.plain, tell: (line) => console.log(line) });
  console.log(violations.length === 0 ? `seed ${seed}: nothing is violated` : `seed ${seed} violates`);
  for (const violation of violations) console.log(`  ${violation}`);
  return violations.length === 0;
};

const report = (total: Tally, ms: number): boolean => {
  const { schedules, failures, counts } = total;
  for (const { seed, isPlain, violations } of failures.slice(0, SHOWN)) {
    console.log(`seed ${seed} violates\n  ${violations.join('\n  ')}`);
    console.log(`  replay: npm run sim -- --seed ${seed} --schedules 1 --trace${isPlain ? ' --plain' : ''}`);
  }
  for (const [what, count] of Object.entries(counts).sort()) console.log(`  ${String(count).padStart(9)} ${what}`);
  const lacks = vacuous(total);
  for (const lack of lacks) console.log(`vacuous: ${lack}`);
  const perSecond = ((schedules * 1000) / ms).toFixed(0);
  console.log(`${schedules} schedules in ${(ms / 1000).toFixed(1)} s, ${perSecond} a second`);
  console.log(`slowest recovery ${total.slowestRecoveryMs / 1000} s (seed ${total.slowestSeed})`);
  console.log(`${failures.length} schedules with violations`);
  return failures.length === 0 && lacks.length === 0;
};

const batch = async (): Promise<boolean> => {
  const begun = performance.now();
  let reportedAt = begun;
  const all = rangesOf(wholeNumber('seed'), wholeNumber('schedules'), RANGE);
  const ranges = all.map((range) => ({ ...range, isPlain: values.plain }));
  if (values.regressions) {
    const kept = new URL('../regression-seeds.json', import.meta.url);
    const seeds = JSON.parse(await readFile(kept, 'utf8')) as { seed: number; plain?: boolean }[];
    ranges.unshift(...seeds.map(({ seed, plain = false }) => ({ from: seed, count: 1, isPlain: plain })));
  }
  const progress = (total: Tally) => {
    const now = performance.now();
    if (now - reportedAt >= TELL_EVERY_MS) {
      reportedAt = now;
      const perSecond = ((total.schedules * 1000) / (now - begun)).toFixed(0);
      console.log(`${total.schedules} schedules, ${perSecond} a second, ${total.failures.length} with violations`);
    }
    return true;
  };
  const total = await runBatch({ ranges, jobs: Math.max(1, wholeNumber('jobs')), progress });
  return report(total, performance.now() - begun);
};

process.exitCode = (await (values.trace ? trace(wholeNumber('seed')) : batch())) ? 0 : 1;
