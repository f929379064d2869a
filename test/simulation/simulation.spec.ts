import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TYPESCRIPT = ['--import', './test/support/typescript.mjs'];
const MINUTES = 60_000;

/** The program as `npm run` starts it; what it printed, whether or not it ended well. */
const output = async (program: string, ...args: string[]): Promise<string> => {
  try {
    return (await run(process.execPath, [...TYPESCRIPT, `test/simulation/${program}.ts`, ...args])).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return `${stdout}\n${stderr}`;
  }
};

test(
  'whatever fails, in 2,000 schedules and in those that once went wrong, nothing that must hold is lost',
  async () => {
    const told = await output('main', '--schedules', '2000', '--seed', '1', '--jobs', '2', '--regressions');
    expect(told).not.toMatch(/violates|vacuous/);
    expect(told).toMatch(/^0 schedules with violations$/m);
  },
  4 * MINUTES,
);

test(
  'a seed gives the same trace each time',
  async () => {
    const trace = () => output('main', '--schedules', '1', '--seed', '7', '--trace');
    const [one, other] = [await trace(), await trace()];
    expect(one).toContain('WorkflowStarted');
    expect(one).toBe(other);
  },
  MINUTES,
);

test(
  'the simulator notices errors',
  async () => {
    const chosen = ['append with ANY', 'key per attempt', 'off by one in max_retries', 'ignore pause'];
    const told = await output('mutants-main', '--jobs', '2', ...chosen.flatMap((name) => ['--only', name]));
    expect(told).toMatch(/^4 of 4 mutants are killed$/m);
  },
  2 * MINUTES,
);
