/** The application beside the engines that people would pick instead, on the same workload. */
import { startProgram } from '../processes.js';
import type { BenchPostgres } from '../event-node/postgres.js';
import type { Section } from '../report.js';
import { inTurns } from '../rounds.js';
import type { Settings } from '../settings.js';
import type { TestedNode } from '../nodes.js';
import type { Measured } from './contender.js';
import { installPeers, versions } from './install.js';
import { section, type Row } from './figures.js';
import { takeTurn } from './turn.js';

const FULL = { warmUp: 1_000, alone: 50 };
const QUICK = { warmUp: 10, alone: 3 };

type Tested = Readonly<{ contender: string; node: TestedNode }>;

const nameOf = ({ contender, node }: Tested) => `${contender}, Node ${node.version}`;

/** In turns over contenders and Nodes. */
export async function benchPeers(postgres: BenchPostgres, settings: Settings): Promise<Section[]> {
  const { only, variants, concurrency, workflows } = settings.peers;
  if (only.some((name) => !name.startsWith('ours'))) installPeers(settings.tell);
  const counts = settings.quick ? QUICK : FULL;
  const agent = await startProgram(new URL('./agent-server.ts', import.meta.url), /agent on (\d+)\./);
  let turns = 0;
  const turn = async ({ contender, node }: Tested, agentUrl: string | null, inFlight: number): Promise<Measured> => {
    const name = `peers_${++turns}`;
    const databaseUrl = await postgres.database(name);
    try {
      const pids = [postgres.pid, agent.pid];
      return await takeTurn({ contender, databaseUrl, agentUrl, inFlight, ...counts, workflows, pids }, node);
    } finally {
      await postgres.drop(name);
    }
  };
  try {
    const sections: Section[] = [];
    for (const variant of variants) {
      const agentUrl = variant === 'A' ? null : `http://127.0.0.1:${agent.printed}`;
      const tested = only.flatMap((contender) => settings.nodes.map((node): Tested => ({ contender, node })));
      const contenders = tested.map((each) => ({
        name: nameOf(each),
        run: async () => {
          const measured: Measured[] = [];
          for (const inFlight of concurrency) measured.push(await turn(each, agentUrl, inFlight));
          return measured;
        },
      }));
      const results = await inTurns(settings.rounds, contenders, settings.tell);
      const rows = tested.map((each): Row => {
        const { contender: name, node } = each;
        return { name, node: node.version, rounds: results.get(nameOf(each)) ?? [] };
      });
      sections.push(section(variant, { workflows, versions: versions() }, rows));
    }
    return sections;
  } finally {
    await agent.stop();
  }
}
