/** How fast the read tables take a log that is there already. */
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchPostgres } from '../event-node/postgres.js';
import { cpuSecondsOf } from '../cpu.js';
import { copyHistories } from '../copies/copies.js';
import { table, times, type Section } from '../report.js';
import type { Settings } from '../settings.js';
import { caughtUp, startApplication } from './application.js';
import { throughput, withDatabase, withDirectory } from './engine.js';

const DEADLINE_MS = 3_600_000;

export async function benchProjection(postgres: BenchPostgres, settings: Settings): Promise<Section[]> {
  const [rates, cpu]: number[][] = [[], []];
  for (let round = 0; round < settings.rounds; round++) {
    settings.tell(`round ${round + 1} of ${settings.rounds}: ${settings.events.toLocaleString('en')} events`);
    const name = `projection_${round}`;
    const databaseUrl = await postgres.database(name);
    await throughput(databaseUrl, { first: 0, warmUp: 0, count: 1, inFlight: 1 });
    const events = await copyHistories(databaseUrl, settings.events, settings.tell);
    const measured = await catchUp(databaseUrl, postgres.pid);
    rates!.push(events / measured.seconds);
    cpu!.push((measured.cpuSeconds * 1_000) / events);
    await postgres.drop(name);
  }
  return [
    {
      title: `The read tables take ${settings.events.toLocaleString('en')} events`,
      table: table(
        ['events/s', 'CPU s per 1,000 events, with all else that starts'],
        [[times(rates!, 0), times(cpu!, 2)]],
      ),
      ratios: [],
      raw: { rates, cpu },
    },
  ];
}

/** From the start of the application on, as it begins to read before it answers. */
const catchUp = (databaseUrl: string, postgres: number) =>
  withDirectory((directory) =>
    withDatabase(databaseUrl, async (database) => {
      const cpuBefore = await cpuSecondsOf([postgres]);
      const app = await startApplication({ databaseUrl, directory, agentUrl: null });
      const began = performance.now();
      try {
        for (; (await caughtUp(database)) === undefined; await pause(20))
          if (performance.now() - began > DEADLINE_MS) throw new Error('The read tables did not catch up in an hour');
        const seconds = (performance.now() - began) / 1_000;
        return { seconds, cpuSeconds: (await cpuSecondsOf([app.pid, postgres])) - cpuBefore };
      } finally {
        await app.stop();
      }
    }),
  );
