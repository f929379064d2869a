/** npm run sim:mutants [-- --only NAME] [--schedules N] [--seed S] [--jobs J]: which invariant kills each mutant, after how many schedules. */
import { availableParallelism } from 'node:os';
import { commandLine } from '../support/command-line.js';
import { rangesOf, runBatch } from './batch.js';
import { mutants, type Mutant } from './mutants.js';

const USAGE = `Usage: npm run sim:mutants [-- --only NAME ...] [--schedules N] [--seed S] [--jobs J]
Which invariant kills each mutant, and after how many schedules. Mutants: ${mutants.map(({ name }) => name).join(', ')}`;
const { values } = commandLine(USAGE, {
  options: {
    only: { type: 'string', multiple: true },
    schedules: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(Math.min(4, availableParallelism())) },
  },
});

const firstSeed = Number(values.seed);
/** Small, so that the number of schedules up to the first violation is precise enough. */
const RANGE = 5;

const names = values.only ?? mutants.map(({ name }) => name);
const chosen = names.map((name) => {
  const found = mutants.find((mutant) => mutant.name === name);
  if (!found) throw new Error(`--only: expected one of ${mutants.map((it) => it.name).join(', ')}, got ${name}`);
  return found;
});

/** A process for each mutant, so that the number of schedules is that of a single run. */
const hunt = async ({ edits }: Mutant) => {
  const ranges = rangesOf(firstSeed, Number(values.schedules), RANGE);
  const { failures, schedules } = await runBatch({
    ranges,
    jobs: 1,
    edits,
    progress: (it) => it.failures.length === 0,
  });
  const [first] = failures;
  const invariants = [...new Set(first?.violations.map((violation) => violation.split(' ')[0]))];
  return {
    after: first ? first.seed - firstSeed + 1 : schedules,
    invariants,
    first: first?.violations[0]?.split('\n')[0],
  };
};

const waiting = [...chosen];
let survivors = 0;
const work = async () => {
  for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
    const { after, invariants, first } = await hunt(mutant);
    if (!first) survivors++;
    const outcome = first ? `killed by ${invariants.join(', ')} after ${after}: ${first}` : `SURVIVED ${after}`;
    console.log(`${mutant.name.padEnd(48)} ${outcome}`);
  }
};
await Promise.all(Array.from({ length: Math.max(1, Number(values.jobs)) }, () => work()));
console.log(`${chosen.length - survivors} of ${chosen.length} mutants are killed`);
process.exitCode = survivors === 0 ? 0 : 1;
