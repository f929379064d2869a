import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TYPESCRIPT = ['--import', './test/support/typescript.mjs'];
const MINUTES = 60_000;

/** Runs the program as `npm run` does. @returns what it prints, also when it fails */
const output = async (program: string, ...args: string[]): Promise<string> => {
  try {
    return (await run(process.execPath, [...TYPESCRIPT, `test/simulation/${program}.ts`, ...args])).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return `${stdout}\n${stderr}`;
  }
};

test(
  'all invariants hold in 1,500 schedules of faults, and in the schedules that once violated them',
  async () => {
    const printed = await output('main', '--schedules', '1500', '--seed', '1', '--jobs', '2', '--regressions');
    expect(printed).not.toMatch(/violates|vacuous/);
    expect(printed).toMatch(/^0 schedules with violations$/m);
  },
  4 * MINUTES,
);

test(
  'a seed gives the same trace each time',
  async () => {
    const trace = () => output('main', '--schedules', '1', '--seed', '7', '--trace');
    const [first, second] = [await trace(), await trace()];
    expect(first).toContain('WorkflowStarted');
    expect(first).toBe(second);
  },
  MINUTES,
);

test(
  'the simulator kills mutants',
  async () => {
    const chosen = [
      ...['append with ANY', 'key per attempt', 'off by one in max_retries', 'ignore pause'],
      'own events that are not here are dropped',
    ];
    const printed = await output('mutants-main', '--jobs', '2', ...chosen.flatMap((name) => ['--only', name]));
    expect(printed).toMatch(/^5 of 5 mutants are killed$/m);
  },
  2 * MINUTES,
);
