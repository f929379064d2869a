/** What `npm run projections` writes: the read tables as lines for people, and how far a long work is. */
import { calledAs, readCommandLine, UsageError } from '../../composition/run-until-signal.js';
import type { ProjectionStatus } from '../../application/projections/admin/projection-status.js';
import type { Checked, RowDifference } from '../../application/projections/drift/check-execution.js';
import type { RebuildView } from '../../application/rebuild/rebuilds.js';
import { proposalEnd } from '../../domain/projection/proposal.js';
import { allowedNow } from '../../domain/projection/rebuild.js';

const WIDTH = 30;
const LINE_EVERY_MS = 5_000;

export type Work = Readonly<{ label: string; done: number; total: number; events: number | null }>;
type Output = Readonly<{ isTTY?: boolean; write: (text: string) => unknown }>;

/** How far a long work is: one line that is written over on a terminal, a line now and then elsewhere. */
export class ProgressBar {
  private readonly began = performance.now();
  private shownAt = -Infinity;
  private width = 0;

  constructor(private readonly output: Output) {}

  show(work: Work): void {
    const now = performance.now();
    if (!this.output.isTTY && now - this.shownAt < LINE_EVERY_MS) return;
    this.shownAt = now;
    const line = lineOf(work, (now - this.began) / 1_000, Boolean(this.output.isTTY));
    this.output.write(this.output.isTTY ? `\r${line.padEnd(this.width)}` : `${line}\n`);
    this.width = line.length;
  }

  /** What is written after this begins on a line of its own. */
  end(): void {
    if (this.output.isTTY && this.width > 0) this.output.write('\n');
    this.width = 0;
  }
}

/** @param seconds since the work began */
export const lineOf = ({ label, done, total, events }: Work, seconds: number, isDrawn: boolean): string => {
  const part = total > 0 ? Math.min(1, done / total) : 1;
  const filled = Math.round(part * WIDTH);
  const bar = isDrawn ? ` [${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}]` : '';
  const rate = events !== null && seconds > 0 ? `, ${Math.round(events / seconds)} events/s` : '';
  const left = part > 0 && part < 1 ? `, ${duration((seconds / part) * (1 - part))} left` : '';
  return `${label}${bar} ${Math.floor(part * 100)} %${rate}${left}`;
};

const duration = (seconds: number): string =>
  seconds < 100 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;

const SHOWN_CHARACTERS = 120;
const short = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
};

export const statusLines = (status: ProjectionStatus): readonly string[] => {
  const { projection, state, leader, lag, rate, record, version, counts } = status;
  const behind = `${lag.counted ? '' : 'about '}${lag.events} events, ${lag.seconds.toFixed(1)} s behind`;
  const versions =
    record && record.version !== version
      ? `version ${record.version}, this program has ${version}`
      : `version ${version}`;
  const held = [
    counts.poisoned > 0 ? `${counts.poisoned} executions held back` : '',
    counts.drifted > 0 ? `${counts.drifted} executions differ from the log` : '',
    counts.skipped > 0 ? `${counts.skipped} events skipped` : '',
  ].filter((text) => text !== '');
  return [
    `${projection}: ${state}, ${behind}, ${rate === null ? 'rate not known yet' : `${rate.toFixed(1)} events/s`}`,
    `  position ${record?.position ?? 'none'} of ${status.head}, ${versions}, led ${leader === 'none' ? 'by nobody' : leader}`,
    ...held.map((text) => `  ${text}`),
    ...rebuildLines(status.rebuild).map((line) => `  ${line}`),
  ];
};

export const rebuildLines = ({ rebuild, previous, dropProposed }: RebuildView): readonly string[] => {
  if (!rebuild) return ['never rebuilt'];
  const { comparison } = rebuild;
  const allowed = allowedNow({ rebuild, previous });
  return [
    `rebuild ${rebuild.id}: ${rebuild.phase}, asked for at ${rebuild.requestedAt}${rebuild.requestedBy.reason ? `: ${rebuild.requestedBy.reason}` : ''}`,
    ...(comparison
      ? [
          `compared at ${comparison.position}: ${comparison.live} rows live, ${comparison.rebuilt} rebuilt; ` +
            `${comparison.added} added, ${comparison.removed} removed, ${comparison.changed} changed ` +
            `(${comparison.events} events in ${(comparison.buildMs / 1_000).toFixed(1)} s)`,
          ...comparison.samples.slice(0, 5).map(({ kind, key, columns }) => {
            const differs = columns.map(
              ({ name, live, rebuilt }) => `${name}: live ${short(live)}, rebuilt ${short(rebuilt)}`,
            );
            return `  ${kind} ${JSON.stringify(key)} ${differs.join('; ')}`.trimEnd();
          }),
        ]
      : []),
    ...(dropProposed
      ? [
          `${dropProposed.actor.id} asks for the previous table to be dropped; another person has until ${proposalEnd(dropProposed)}`,
        ]
      : []),
    ...(allowed.length > 0 ? [`allowed now: ${allowed.join(', ')}`] : []),
  ];
};

export const poisonLines = ({ projection, poisoned, skipped }: ProjectionStatus): readonly string[] => [
  ...poisoned.map(
    ({ executionId, revision, position, error, at }) =>
      `${projection}: ${executionId} held back at revision ${revision} (position ${position}) since ${at.toISOString()}: ${error}`,
  ),
  ...skipped.map(
    ({ executionId, revision, error, at, actor, reason }) =>
      `${projection}: ${executionId} revision ${revision} skipped at ${at.toISOString()} by ${actor.id}: ${reason} (${error})`,
  ),
];

export const differenceLines = ({ projection, executionId, position, differences }: Checked): readonly string[] =>
  differences.flatMap((difference) =>
    columnsOf(difference).map((what) => `${projection} as of ${position}, execution ${executionId}: ${what}`),
  );

const columnsOf = ({ kind, key, columns }: RowDifference): readonly string[] => {
  const row = `row ${JSON.stringify(key)}`;
  if (kind === 'missing') return [`${row}: expected from its events, there is none`];
  if (kind === 'unexplained') return [`${row}: found, no event of the log made it`];
  return columns.map(
    ({ column, expected, found }) => `${row} ${column}: expected ${short(expected)}, found ${short(found)}`,
  );
};

const USAGE = `Usage: ${calledAs('projections')} COMMAND [NAME|all] [OPTIONS]
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
Settings come from the environment and .env, as for ${calledAs('serve')}.`;

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
const OPTIONS = {
  reason: { type: 'string' },
  require: { type: 'string' },
  approve: { type: 'string' },
  sample: { type: 'string' },
} as const;
const LARGEST_SAMPLE = 1_000_000;

/** @returns null where help was asked for, which is printed then @throws UsageError that says what was expected */
export const readArguments = (given: readonly string[], names: readonly string[]): Arguments | null => {
  const line = readCommandLine(USAGE, { options: OPTIONS, allowPositionals: true }, given);
  if (!line) return null;
  const { values, positionals } = line;
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
  new UsageError(`Expected ${what}; got ${came ? came : 'nothing'}. See: ${calledAs('projections')} --help`);
