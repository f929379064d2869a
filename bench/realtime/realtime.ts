/** What subscriptions of Supabase's clients cost the application: memory, and the time until a change is there. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startNode } from '../event-node/servers.js';
import type { BenchPostgres } from '../event-node/postgres.js';
import { startProgram, type Program } from '../processes.js';
import { execution, running, start, until, waiting } from '../rebuild/clients.js';
import { startWorkload } from '../rebuild/workload.js';
import { table, type Section } from '../report.js';
import { percentile, spread } from '../rounds.js';
import type { Settings } from '../settings.js';
import { subscribe, type Subscribers } from './subscribers.js';

const AIM_MEGABYTES = 150;
const STARTS_PER_SECOND = 50;
const SETTLE_MS = 5_000;

export async function benchRealtime(postgres: BenchPostgres, settings: Settings): Promise<Section[]> {
  const [many, seconds] = settings.quick ? [50, 2] : [1_000, 20];
  const databaseUrl = await postgres.database('realtime');
  const directory = await mkdtemp(join(tmpdir(), 'workflow-executor-bench-data-'));
  const node = await startNode(databaseUrl);
  const workload = await startWorkload(directory);
  const servers = { DATABASE_URL: databaseUrl, EVENTSTORE_URL: node.url };
  const env = { ...servers, PORT: '0', LOG_LEVEL: 'log', DATA_DIR: directory, ...workload.env };
  const main = new URL('../../dist/main.js', import.meta.url);
  const app = await startProgram(main, /The API is at (http:\S+?)["\s]/, env);
  try {
    const example = await start(app.printed, running);
    await until(async () => (await execution(app.printed, example)).current_state === 'completed');
    await starts(app.printed, seconds);
    const before = await settled(app);

    settings.tell(`${many} subscriptions to one execution each`);
    const quiet = await subscribe(app.printed, many, () => `id=eq.${example}`);
    const opened = await settled(app);
    await starts(app.printed, seconds);
    const used = await settled(app);
    await quiet.close();
    settings.tell(`resident MB: ${before.toFixed(0)} before, ${opened.toFixed(0)} open, ${used.toFixed(0)} in use`);

    const rows: string[][] = [];
    const raw: Record<string, unknown> = { before, opened, used };
    for (const count of [1, many]) {
      settings.tell(`${count} subscribers to all executions`);
      const subscribers = await subscribe(app.printed, count, () => undefined);
      const { ages, megabytes } = await during(app, subscribers, seconds, count);
      await subscribers.close();
      const [p50, p99] = [percentile(ages, 0.5), percentile(ages, 0.99)];
      raw[`${count} subscribers`] = { messages: ages.length, p50, p99, megabytes };
      rows.push([String(count), String(ages.length), `${p50} ms`, `${p99} ms`, megabytes.toFixed(0)]);
    }
    const more = Math.max(opened, used) - before;
    return [
      {
        title: `Realtime: ${many} open subscriptions; then ${STARTS_PER_SECOND} executions started a second`,
        table: table(['subscribers', 'messages', 'append to client p50', 'p99', 'resident MB, highest'], rows),
        ratios: [
          {
            name: `MB more for ${many} subscriptions`,
            value: more,
            aim: `< ${AIM_MEGABYTES}`,
            met: more < AIM_MEGABYTES,
          },
        ],
        raw,
      },
    ];
  } finally {
    await app.stop();
    await node.stop();
    await workload.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Executions that wait for an order: each is one row that is inserted. */
const starts = async (url: string, seconds: number): Promise<void> => {
  const under: Promise<string>[] = [];
  for (let count = 0; count < seconds * STARTS_PER_SECOND; count++) {
    // A connection that was idle may be closed at the moment in which it is used again.
    under.push(start(url, waiting).catch(() => start(url, waiting)));
    await pause(1_000 / STARTS_PER_SECOND);
  }
  await Promise.all(under);
};

const settled = async (app: Program): Promise<number> => {
  const samples: number[] = [];
  for (const end = performance.now() + SETTLE_MS; performance.now() < end;) {
    await pause(250);
    samples.push(await app.residentMegabytes());
  }
  return spread(samples).median;
};

const during = async (app: Program, { ages }: Subscribers, seconds: number, count: number) => {
  let megabytes = 0;
  const sampling = setInterval(
    () => void app.residentMegabytes().then((now) => (megabytes = Math.max(megabytes, now))),
    200,
  );
  await starts(app.printed, seconds);
  await until(async () => ages.length >= seconds * STARTS_PER_SECOND * count);
  clearInterval(sampling);
  return { ages: [...ages], megabytes };
};
