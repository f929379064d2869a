/** Many schedules, spread over processes. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { add, emptyTally, type Tally } from './tally.js';
import type { Range } from './worker.js';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export type Edit = Readonly<{ file: string; search: string; replace: string }>;

export type Batch = Readonly<{
  ranges: readonly Range[];
  jobs: number;
  edits?: readonly Edit[];
  /** Called after each range; false ends the batch. */
  progress: (total: Tally) => boolean;
}>;

export const runBatch = async ({ ranges, jobs, edits = [], progress }: Batch): Promise<Tally> => {
  const total = emptyTally();
  const left = [...ranges];
  await Promise.all(Array.from({ length: Math.min(jobs, left.length) }, () => job()));
  return total;

  function job(): Promise<void> {
    const child = fork(here('worker.ts'), {
      // Most objects of a schedule die with it: a nursery that holds them spares the collector work.
      // Stacks of injected errors would take a tenth of the time; the replay of a seed has them.
      execArgv: ['--max-semi-space-size=64', '--stack-trace-limit=0', '--import', here('mutate.mjs')],
      env: { ...process.env, SIM_MUTANT: JSON.stringify(edits) },
    });
    return new Promise((resolve, reject) => {
      child.on('message', (message: Tally | 'ready') => {
        if (message !== 'ready') {
          add(total, message);
          if (!progress(total)) left.splice(0);
        }
        const next = left.shift();
        if (next) child.send(next);
        else child.disconnect();
      });
      child.on('exit', (code) => {
        if (code === 0) resolve();
        else reject(new Error(`A process of the simulation ended with code ${code}`));
      });
    });
  }
};

export const rangesOf = (from: number, count: number, size: number): readonly Range[] =>
  Array.from({ length: Math.ceil(count / size) }, (_, index) => ({
    from: from + index * size,
    count: Math.min(size, count - index * size),
  }));
