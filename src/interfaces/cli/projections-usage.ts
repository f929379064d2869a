import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run projections -- COMMAND [NAME|all] [OPTIONS]
  status  [NAME|all]                     position, lag, rate, state, last rebuild
  rebuild NAME|all --reason TEXT         builds the table anew beside the live one, compares, swaps where nothing differs
            [--require none]             swaps whatever differs
            [--approve TEXT]             where it differs, swaps all the same, for this reason
  approve | abandon NAME --reason TEXT   what becomes of a rebuild that waits, or is under way
  rollback NAME --reason TEXT            the table before the last rebuild takes its place again
  drop    NAME --reason TEXT             that table is dropped
  verify  [NAME|all] [--sample N]        compares the table with the log; exit code 1 where they differ
  poisoned [NAME|all]                    executions that are held back, and events that were skipped
  retry | skip NAME EXECUTION --reason TEXT
NAME is workflow_executions, workflow_steps or workflow_events. It works beside a running application and without one.
Settings come from the environment and .env, as for npm start.`;

const COMMANDS = [
  ...(['status', 'rebuild', 'approve', 'abandon', 'rollback', 'drop'] as const),
  ...(['verify', 'poisoned', 'retry', 'skip'] as const),
];
type CommandName = (typeof COMMANDS)[number];

export type Arguments = Readonly<{
  command: CommandName;
  /** 'all' where it was not given and may be all. */
  name: string;
  execution: string;
  reason: string;
  require: 'zero-diff' | 'none';
  approve: string | null;
  sample: number | null;
}>;

const ALL_BY_DEFAULT: readonly CommandName[] = ['status', 'verify', 'poisoned'];
const MAY_BE_ALL: readonly CommandName[] = [...ALL_BY_DEFAULT, 'rebuild'];
const LARGEST_SAMPLE = 1_000_000;

/** @returns null where help was asked for @throws Error that says what was expected */
export const readArguments = (given: readonly string[], names: readonly string[]): Arguments | null => {
  const { values, positionals } = parseArgs({
    args: [...given],
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      reason: { type: 'string' },
      require: { type: 'string' },
      approve: { type: 'string' },
      sample: { type: 'string' },
    },
  });
  if (values.help) return null;
  const [first, second, execution = '', ...more] = positionals;
  const command = COMMANDS.find((each) => each === first);
  if (!command) throw expected(`one of ${COMMANDS.join(', ')}`, first);
  const name = second ?? (ALL_BY_DEFAULT.includes(command) ? 'all' : undefined);
  const allowed = [...names, ...(MAY_BE_ALL.includes(command) ? ['all'] : [])];
  if (name === undefined || !allowed.includes(name)) throw expected(`${command}: one of ${allowed.join(', ')}`, name);
  const isOfExecution = command === 'retry' || command === 'skip';
  if (isOfExecution !== (execution !== '') || more.length > 0)
    throw expected(
      isOfExecution ? `${command}: one execution` : `${command}: nothing more`,
      [execution, ...more].join(' '),
    );
  if (!ALL_BY_DEFAULT.includes(command) && !values.reason?.trim())
    throw expected(`${command}: --reason TEXT`, undefined);
  const sample = values.sample === undefined ? null : Number(values.sample);
  if (sample !== null && (!Number.isInteger(sample) || sample < 1 || sample > LARGEST_SAMPLE))
    throw expected(`--sample: a whole number from 1 to ${LARGEST_SAMPLE}`, values.sample);
  const require = values.require ?? 'zero-diff';
  if (require !== 'zero-diff' && require !== 'none') throw expected('--require: zero-diff or none', require);
  return { command, name, execution, reason: values.reason ?? '', require, approve: values.approve ?? null, sample };
};

const expected = (what: string, came: string | undefined) =>
  new Error(`Expected ${what}; got ${came ? came : 'nothing'}. See: npm run projections -- --help`);
