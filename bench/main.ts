/** `npm run bench`: see bench/README.md. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { benchAppend } from './event-node/append.js';
import { benchHistory } from './history/history.js';
import { benchMemory } from './event-node/memory.js';
import { benchRead } from './event-node/read.js';
import { startPostgres } from './event-node/postgres.js';
import { machine } from './machine.js';
import { benchRealtime } from './realtime/realtime.js';
import { benchRebuild } from './rebuild/rebuild.js';
import { print, type Section } from './report.js';
import type { Settings } from './settings.js';

const BENCHES = {
  append: benchAppend,
  read: benchRead,
  memory: benchMemory,
  rebuild: benchRebuild,
  history: benchHistory,
  realtime: benchRealtime,
};
type Name = keyof typeof BENCHES;

const usage = `Usage: npm run bench -- [${Object.keys(BENCHES).join('|')} ...] [--rounds N] [--events N] [--quick] [--json FILE]`;

function parse() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '3' },
      events: { type: 'string', default: '100000' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const unknown = positionals.find((name) => !(name in BENCHES));
  if (unknown !== undefined) throw new Error(`There is no bench '${unknown}'`);
  const rounds = values.quick ? 1 : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`Expected --rounds to be 1 or more, got '${values.rounds}'`);
  const events = values.quick ? 2_000 : Number(values.events);
  if (!Number.isInteger(events) || events < 1)
    throw new Error(`Expected --events to be 1 or more, got '${values.events}'`);
  const names = (positionals.length > 0 ? positionals : Object.keys(BENCHES)) as Name[];
  return { ...values, rounds, events, names };
}

async function run({ names, rounds, events, quick, json }: ReturnType<typeof parse>): Promise<void> {
  const settings: Settings = {
    ...{ rounds, events, quick, warmUpMs: quick ? 300 : 1_000, measureMs: quick ? 700 : 3_000 },
    tell: (line) => console.error(line),
  };
  const sections: Section[] = [];
  const postgres = await startPostgres();
  // It has a session of its own, and would go on without us.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void postgres.stop().then(() => process.exit(1)));
  try {
    const about = { ...machine(), postgres: postgres.version, ...settings };
    const { cores, processor, node, loadBefore } = about;
    console.log(`${cores} cores (${processor}), Node ${node}, Postgres ${postgres.version}, load before ${loadBefore}`);
    for (const name of names) {
      for (const section of await BENCHES[name](postgres, settings)) {
        sections.push(section);
        console.log(`\n${print(section)}`);
      }
    }
    if (json) writeFileSync(json, JSON.stringify({ about, sections }, null, 2));
  } finally {
    await postgres.stop();
  }
}

try {
  const options = parse();
  if (options.help) console.log(usage);
  else await run(options);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(usage);
  process.exitCode = 1;
}
