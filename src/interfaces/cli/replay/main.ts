/** `npm run replay`: the story of an execution, or what other rules would have made of it, or of all. */
import { once } from 'node:events';
import { story } from '../../../application/replay/story.js';
import { survey, withoutKinds, verdictOf } from '../../../application/replay/verdict.js';
import type { History } from '../../../composition/replay.js';
import { calledAs, readCommandLine, runUntilSignal, UsageError } from '../../../composition/run-until-signal.js';
import type { WorkflowDefinition } from '../../../domain/workflow/events.js';
import type { Rules } from '../../../domain/workflow/what-if/follow.js';
import { reasonOf } from '../../../application/runtime/errors.js';
import { DIFFERENCES, type DifferenceKind } from '../../../domain/workflow/what-if/difference.js';
import { storyJson, storyText, verdictJson, verdictText, Tally } from './lines.js';

const REPLAY = calledAs('replay');
const USAGE = `Usage: ${REPLAY} EXECUTION [--until REVISION] [--json]
       ${REPLAY} EXECUTION --definition FILE | --retry-policy FILE [--ignore KINDS] [--json]
       ${REPLAY} --all --definition FILE | --retry-policy FILE [--ignore KINDS] [--json]
Tells what happened, event by event, with the state after each; or what other rules would have decided otherwise.
Appends nothing and calls no agent. The servers are used where they run, and started where they do not.
  --until REVISION      tell no further than that event
  --definition FILE     decide by this definition (with --all: for all executions of the definition of its name)
  --retry-policy FILE   decide by these retries (with --all: for all executions)
  --all                 every execution: the gate before a change
  --ignore KINDS        differences that do not count, with commas between: ${DIFFERENCES.join(', ')}
  --json                one JSON object a line
The exit code is 0 where no decision would differ, 1 where one would, 2 for an error.`;

type Options = Readonly<{
  executionId: string | null;
  until: bigint | null;
  definition: string | null;
  retryPolicy: string | null;
  ignored: readonly DifferenceKind[];
  json: boolean;
}>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** @returns null where help is asked for. @throws UsageError that says what was expected */
const optionsFrom = (): Options | null => {
  const line = readCommandLine(USAGE, {
    allowPositionals: true,
    options: {
      until: { type: 'string' },
      definition: { type: 'string' },
      'retry-policy': { type: 'string' },
      ignore: { type: 'string' },
      all: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  if (!line) return null;
  const { values, positionals } = line;
  const { all, json, until, definition = null, 'retry-policy': retryPolicy = null, ignore } = values;
  const [execution, ...others] = positionals;
  const hasRules = definition !== null || retryPolicy !== null;
  const wrong = (expected: string) => new UsageError(`Expected ${expected}.\n\n${USAGE}`);
  if (others.length > 0 || (execution !== undefined) === all) throw wrong('one EXECUTION, or --all');
  if (execution !== undefined && !UUID.test(execution)) throw wrong(`a UUID as EXECUTION, got "${execution}"`);
  if (definition !== null && retryPolicy !== null) throw wrong('--definition or --retry-policy, not both');
  if (all && !hasRules) throw wrong('--definition FILE or --retry-policy FILE with --all');
  if (until !== undefined && (hasRules || !/^\d{1,18}$/.test(until)))
    throw wrong('--until REVISION without other rules');
  if (ignore !== undefined && !hasRules) throw wrong('--ignore only with other rules');
  const ignored = (ignore ?? '').split(',').filter((kind) => kind !== '');
  const isKind = (kind: string): kind is DifferenceKind => DIFFERENCES.some((known) => known === kind);
  const unknown = ignored.find((kind) => !isKind(kind));
  if (unknown !== undefined) throw wrong(`--ignore of ${DIFFERENCES.join(', ')}; got "${unknown}"`);
  return {
    executionId: execution?.toLowerCase() ?? null,
    until: until === undefined ? null : BigInt(until),
    definition,
    retryPolicy,
    ignored: ignored.filter(isKind),
    json,
  };
};

const FAILED = 2;
const PROGRESS_EVERY_MS = 1_000;

/** Waits where the reader is slower: a long story is not held in memory. */
const write = async (text: string): Promise<void> => {
  if (!process.stdout.write(`${text}\n`)) await once(process.stdout, 'drain');
};
const writeError = (text: string) => process.stderr.write(`${text}\n`);

/** `workflowName`: whose executions they are for; null: everyone's. */
type GivenRules = Readonly<{ rules: Rules; workflowName: string | null }>;

const rulesFrom = async ({ definition, retryPolicy }: Options): Promise<GivenRules | null> => {
  const { definitionFrom, retryRulesFrom } = await import('../../../composition/replay.js');
  if (retryPolicy !== null) return { rules: await retryRulesFrom(retryPolicy), workflowName: null };
  if (definition === null) return null;
  const other: WorkflowDefinition = await definitionFrom(definition);
  return { rules: () => other, workflowName: other.name };
};

const tellStory = async ({ histories }: History, executionId: string, { until, json }: Options): Promise<number> => {
  const { events } = await histories.read(executionId);
  if (events.length === 0) throw new Error(`There is no execution ${executionId}`);
  const shown = until === null ? events : events.filter(({ revision }) => revision <= until);
  for (const line of story(shown)) await write(json ? storyJson(line) : storyText(line).join('\n'));
  return 0;
};

const judge = async (history: History, executionId: string, given: GivenRules, options: Options): Promise<number> => {
  const { events } = await history.histories.read(executionId);
  if (events.length === 0) throw new Error(`There is no execution ${executionId}`);
  const name = (events[0]?.data as { definition?: { name?: string } } | null)?.definition?.name;
  if (given.workflowName !== null && name !== given.workflowName)
    throw new Error(`Expected a definition of the name ${name}, which the execution ran; got ${given.workflowName}`);
  const verdict = withoutKinds(verdictOf(events, given.rules), options.ignored);
  await write(options.json ? verdictJson(verdict) : verdictText(verdict).join('\n'));
  return verdict.differences.length > 0 ? 1 : 0;
};

const judgeAll = async (
  history: History,
  { rules, workflowName }: GivenRules,
  { json, ignored }: Options,
  signal: AbortSignal,
): Promise<number> => {
  const tally = new Tally();
  const progress = setInterval(
    () => writeError(`${tally.executions} executions, ${tally.differ} differ ...`),
    PROGRESS_EVERY_MS,
  );
  try {
    for await (const surveyed of survey(history, workflowName, rules, signal)) {
      const verdict = surveyed.verdict && withoutKinds(surveyed.verdict, ignored);
      tally.add({ ...surveyed, verdict });
      if (json && verdict) await write(verdictJson(verdict));
    }
  } finally {
    clearInterval(progress);
  }
  if (signal.aborted) throw new Error('Interrupted: not every execution was looked at');
  await write(json ? tally.json() : tally.text().join('\n'));
  return tally.exitCode;
};

const run = async (signal: AbortSignal): Promise<number> => {
  const options = optionsFrom();
  if (!options) return 0;
  const { openHistory } = await import('../../../composition/replay.js');
  const given = await rulesFrom(options);
  const history = await openHistory(() => undefined);
  try {
    if (options.executionId === null) return await judgeAll(history, given!, options, signal);
    if (given) return await judge(history, options.executionId, given, options);
    return await tellStory(history, options.executionId, options);
  } finally {
    await history.close();
  }
};

// A gate that was interrupted has found nothing out: it must not look like one that found no difference.
const ending = (code: number, signal: AbortSignal): number => (signal.aborted ? process.exit(FAILED) : code);

runUntilSignal((signal) =>
  run(signal).then(
    (code) => ending(code, signal),
    (error: unknown) => {
      writeError(reasonOf(error));
      return ending(FAILED, signal);
    },
  ),
);
