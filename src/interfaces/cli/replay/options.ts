import { parseArgs } from 'node:util';
import { DIFFERENCES, type DifferenceKind } from '../../../domain/workflow/what-if/difference.js';

export const USAGE = `Usage: npm run replay -- EXECUTION [--until REVISION] [--json]
       npm run replay -- EXECUTION --definition FILE | --retry-policy FILE [--ignore KINDS] [--json]
       npm run replay -- --all --definition FILE | --retry-policy FILE [--ignore KINDS] [--json]
Tells what happened, event by event, with the state after each; or what other rules would have decided otherwise.
Appends nothing and calls no agent. The servers are used where they run, and started where they do not.
  --until REVISION      tell no further than that event
  --definition FILE     decide by this definition (with --all: for all executions of the definition of its name)
  --retry-policy FILE   decide by these retries (with --all: for all executions)
  --all                 every execution: the gate before a change
  --ignore KINDS        differences that do not count, with commas between: ${DIFFERENCES.join(', ')}
  --json                one JSON object a line
The exit code is 0 where no decision would differ, 1 where one would, 2 for an error.`;

export type Options = Readonly<{
  executionId: string | null;
  until: bigint | null;
  definition: string | null;
  retryPolicy: string | null;
  ignored: readonly DifferenceKind[];
  json: boolean;
  help: boolean;
}>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** @throws Error that says what was expected */
export const optionsFrom = (args: readonly string[]): Options => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      until: { type: 'string' },
      definition: { type: 'string' },
      'retry-policy': { type: 'string' },
      ignore: { type: 'string' },
      all: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { all, json, help, until, definition = null, 'retry-policy': retryPolicy = null, ignore } = values;
  const [execution, ...others] = positionals;
  const hasRules = definition !== null || retryPolicy !== null;
  const wrong = (expected: string) => new Error(`Expected ${expected}.\n\n${USAGE}`);
  if (!help) {
    if (others.length > 0 || (execution !== undefined) === all) throw wrong('one EXECUTION, or --all');
    if (execution !== undefined && !UUID.test(execution)) throw wrong(`a UUID as EXECUTION, got "${execution}"`);
    if (definition !== null && retryPolicy !== null) throw wrong('--definition or --retry-policy, not both');
    if (all && !hasRules) throw wrong('--definition FILE or --retry-policy FILE with --all');
    if (until !== undefined && (hasRules || !/^\d{1,18}$/.test(until)))
      throw wrong('--until REVISION without other rules');
    if (ignore !== undefined && !hasRules) throw wrong('--ignore only with other rules');
  }
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
    help,
  };
};
