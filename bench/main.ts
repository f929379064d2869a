/** `npm run bench`: see bench/README.md. */
import { writeFileSync } from 'node:fs';
import { benchAccess } from './application/access.js';
import { benchApi } from './application/api.js';
import { applicationMemory } from './application/memory.js';
import { benchProjection } from './application/projection.js';
import { benchAppend } from './event-node/append.js';
import { benchHistory } from './history/history.js';
import { benchMemory } from './event-node/memory.js';
import { benchRead } from './event-node/read.js';
import { startPostgres, type BenchPostgres } from './event-node/postgres.js';
import { svg as drawn } from './chart.js';
import { machine } from './machine.js';
import { options, usage, type Options } from './options.js';
import { benchPeers } from './peers/peers.js';
import { startProgramsWith } from './processes.js';
import { benchRealtime } from './realtime/realtime.js';
import { benchRebuild } from './rebuild/rebuild.js';
import { print, type Section } from './report.js';
import type { Settings } from './settings.js';
import { benchWorstInput } from './worst-input/worst-input.js';

const BENCHES = {
  peers: benchPeers,
  append: benchAppend,
  read: benchRead,
  projection: benchProjection,
  api: benchApi,
  access: benchAccess,
  memory: async (postgres: BenchPostgres, settings: Settings) => [
    ...(await benchMemory(postgres, settings)),
    await applicationMemory(postgres, settings),
  ],
  rebuild: benchRebuild,
  history: benchHistory,
  realtime: benchRealtime,
  'worst-input': benchWorstInput,
};
type BenchName = keyof typeof BENCHES;
const NAMES = Object.keys(BENCHES) as BenchName[];

/** `peers` takes its turns over the Nodes itself. */
async function sectionsOf(name: BenchName, postgres: BenchPostgres, settings: Settings): Promise<readonly Section[]> {
  if (name === 'peers') return benchPeers(postgres, settings);
  const sections: Section[] = [];
  for (const { path, version } of settings.nodes) {
    startProgramsWith(path);
    const measured = await BENCHES[name](postgres, settings);
    sections.push(...measured.map((section) => ({ ...section, title: `${section.title}, on Node ${version}` })));
  }
  return sections;
}

async function run({ names, settings, json, svg }: Options): Promise<void> {
  const sections: Section[] = [];
  const postgres = await startPostgres();
  // It has a session of its own, and would go on without us.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void postgres.stop().then(() => process.exit(1)));
  try {
    const about = { ...machine(), postgres: postgres.version, ...settings };
    const { cores, processor, loadBefore } = about;
    const nodes = settings.nodes.map(({ version }) => `Node ${version}`).join(', ');
    const note = `${cores} cores (${processor}), ${nodes}, Postgres ${postgres.version}`;
    console.log(`${note}, load before ${loadBefore}`);
    for (const name of NAMES.filter((known) => names.includes(known))) {
      for (const section of await sectionsOf(name, postgres, settings)) {
        sections.push(section);
        console.log(`\n${print(section)}`);
      }
    }
    if (json) writeFileSync(json, JSON.stringify({ about, sections }, null, 2));
    const charts = sections.flatMap(({ chart }) => chart ?? []);
    if (svg) writeFileSync(svg, drawn(charts, note));
  } finally {
    await postgres.stop();
  }
}

const told = (error: unknown) => console.error(error instanceof Error ? error.message : error);

function read(): Options | undefined {
  try {
    return options(process.argv.slice(2), NAMES);
  } catch (error) {
    told(error);
    console.error(usage(NAMES));
    process.exitCode = 2;
    return undefined;
  }
}

const given = read();
if (given?.help) console.log(usage(NAMES));
else if (given)
  await run(given).catch((error: unknown) => {
    told(error);
    process.exitCode = 1;
  });
