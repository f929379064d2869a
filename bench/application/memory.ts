/** Resident memory of the application with many executions that are not finished, and while it goes on for long. */
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchPostgres } from '../event-node/postgres.js';
import { startProgram, type Program } from '../processes.js';
import { table, type Section } from '../report.js';
import { median } from '../rounds.js';
import type { Settings } from '../settings.js';
import { startApplication } from './application.js';
import { requests, withDirectory } from './engine.js';

/** While they are started as fast as clients can, which is a load as any other; and afterwards. */
const AIM_LOADED_MEGABYTES = 320;
const AIM_MEGABYTES = 250;
/** By then what the load has left was given back. */
const GIVEN_BACK_MS = 30_000;
const AIM_GROWTH = 1.1;
const SAMPLE_MS = 1_000;
const STARTERS = 16;
const STARTS_PER_SECOND = 5;

/** Executions that wait for an order for ever, and beside them, later, some that are run to their end. */
export const applicationMemory = (postgres: BenchPostgres, settings: Settings): Promise<Section> =>
  withDirectory(async (directory) => {
    const unfinished = settings.quick ? 200 : 10_000;
    const databaseUrl = await postgres.database('memory_application');
    const deferring = await startProgram(new URL('./deferring-agent.ts', import.meta.url), /agent on (\d+)\./);
    const agentUrl = `http://127.0.0.1:${deferring.printed}`;
    const env = { MAX_WAITING_EXECUTIONS: String(2 * unfinished) };
    const app = await startApplication({ databaseUrl, directory, agentUrl, env });
    const { ask, close } = requests(app.url, STARTERS);
    const start = (project: string) =>
      ask('POST', '/api/v1/workflow/start', { project_id: project, document_type: 'bench' });
    try {
      const started = await app.residentMegabytes();
      settings.tell(`starting ${unfinished.toLocaleString('en')} executions whose agent reports later`);
      let next = 0;
      const startAll = async () => {
        while (next < unfinished) await start(`waits-${next++}`);
      };
      const begun = await highest(app, () => Promise.all(Array.from({ length: STARTERS }, startAll)));
      settings.tell(
        `${settings.minutes} minutes with ${STARTS_PER_SECOND} executions a second that are run to their end`,
      );
      const samples = await watched(app, settings.minutes * 60_000, () => start('w-1'));
      const fifth = Math.ceil(samples.length / 5);
      const [first, last] = [median(samples.slice(0, fifth)), median(samples.slice(-fifth))];
      const peak = Math.max(...samples.slice(GIVEN_BACK_MS / SAMPLE_MS));
      return {
        title: `Memory of the application, node within, with ${unfinished.toLocaleString('en')} unfinished executions`,
        table: table(
          ['while', 'resident MB'],
          [
            ['started', started.toFixed(0)],
            ['they were started, highest', begun.toFixed(0)],
            [`the first fifth of ${settings.minutes} minutes, median`, first.toFixed(0)],
            ['the last fifth, median', last.toFixed(0)],
            [`highest from ${GIVEN_BACK_MS / 1_000} s after the starts on`, peak.toFixed(0)],
          ],
        ),
        ratios: [
          {
            ...{ name: 'resident MB while they are started', value: begun },
            ...{ aim: `<= ${AIM_LOADED_MEGABYTES}`, met: begun <= AIM_LOADED_MEGABYTES },
          },
          { name: 'resident MB with them', value: peak, aim: `< ${AIM_MEGABYTES}`, met: peak < AIM_MEGABYTES },
          { name: 'last fifth / first', value: last / first, aim: `<= ${AIM_GROWTH}`, met: last / first <= AIM_GROWTH },
        ],
        raw: { started, begun, samples },
      };
    } finally {
      await close();
      await app.stop();
      await deferring.stop();
    }
  });

const highest = async (app: Program, work: () => Promise<unknown>): Promise<number> => {
  let peak = 0;
  const sampling = setInterval(
    () => void app.residentMegabytes().then((now) => (peak = Math.max(peak, now))),
    SAMPLE_MS / 4,
  );
  try {
    await work();
    return Math.max(peak, await app.residentMegabytes());
  } finally {
    clearInterval(sampling);
  }
};

const watched = async (app: Program, forMs: number, start: () => Promise<unknown>): Promise<number[]> => {
  const samples: number[] = [];
  for (const end = performance.now() + forMs; performance.now() < end;) {
    await Promise.all([...Array.from({ length: STARTS_PER_SECOND }, start), pause(SAMPLE_MS)]);
    samples.push(await app.residentMegabytes());
  }
  return samples;
};
