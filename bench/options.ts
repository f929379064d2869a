/** The options of `npm run bench`. */
import { parseArgs } from 'node:util';
import { testedNodes } from './nodes.js';
import { CONTENDERS } from './peers/contender.js';
import type { Settings, Variant } from './settings.js';

const VARIANTS: readonly string[] = ['A', 'B'] satisfies Variant[];

export const usage = (benches: readonly string[]) => `Usage: npm run bench -- [${benches.join('|')} ...]
  --node PATH         the Node that starts the programs under test, may be given several times (the one that runs the bench)
  --rounds N          turns of each contender (3)
  --quick             once and small: shows that it works, and no figure
  --json FILE         everything that was measured
  --svg FILE          a chart of the first bench that has one: peers
  --events N          rebuild, projection: events in the log (100000)
  --executions N      api: finished executions in the tables (100000)
  --minutes N         memory: how long the application is watched (5)
peers:
  --only a,b          ${CONTENDERS.join(', ')}
  --variant A|B       A: steps are functions; B: POSTs to another process (both)
  --concurrency N,M   workflows in flight (64,256)
  --workflows N       in each measurement (2000)`;

export type Options = Readonly<{
  help: boolean;
  names: readonly string[];
  json: string | undefined;
  svg: string | undefined;
  settings: Settings;
}>;

/** @throws Error that says what was expected */
export function options(args: readonly string[], benches: readonly string[]): Options {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...{ quick: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
      ...{ rounds: text, events: text, executions: text, minutes: text, json: text, svg: text },
      ...{ only: text, variant: text, concurrency: text, workflows: text },
      node: { ...text, multiple: true, default: [] },
    },
  });
  const unknown = positionals.find((name) => !benches.includes(name));
  if (unknown !== undefined) throw new Error(`There is no bench '${unknown}'`);
  const { quick, help, json, svg } = values;
  /** @param inShort where nothing is given, with --quick */
  const count = (name: 'rounds' | 'events' | 'executions' | 'minutes' | 'workflows', full: number, inShort: number) =>
    whole(name, values[name] ?? String(quick ? inShort : full));
  const peers = {
    only: oneOf('only', CONTENDERS, values.only),
    variants: oneOf('variant', VARIANTS, values.variant) as Variant[],
    concurrency: (values.concurrency ?? (quick ? '16' : '64,256')).split(',').map((part) => whole('concurrency', part)),
    workflows: count('workflows', 2_000, 50),
  };
  const settings: Settings = {
    ...{ quick, warmUpMs: quick ? 300 : 1_000, measureMs: quick ? 700 : 3_000, peers },
    ...{ rounds: count('rounds', 3, 1), events: count('events', 100_000, 2_000) },
    ...{ executions: count('executions', 100_000, 200), minutes: count('minutes', 5, 1) },
    nodes: testedNodes(values.node),
    tell: (line) => console.error(line),
  };
  return { help, json, svg, settings, names: positionals.length > 0 ? positionals : benches };
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`Expected --${name} to be 1 or more, got '${text}'`);
  return value;
}

/** @returns what is named, in the order of all; all where nothing is */
function oneOf(name: string, all: readonly string[], text: string | undefined): readonly string[] {
  const named = text?.split(',') ?? all;
  const unknown = named.find((part) => !all.includes(part));
  if (unknown !== undefined) throw new Error(`Expected --${name} to be of ${all.join(', ')}, got '${unknown}'`);
  return all.filter((part) => named.includes(part));
}
