/** A rebuild of all read tables while executions are started and read; beside it, how fast the live tables were filled. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { projections } from '../../src/application/projections/index.js';
import { Rebuilds } from '../../src/application/rebuild/rebuilds.js';
import { EventStoreDbEventLog } from '../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { createDataSource } from '../../src/infrastructure/postgres/data-source.js';
import { PostgresProjectionStore } from '../../src/infrastructure/postgres/postgres-projection-store.js';
import { PostgresRebuildStore } from '../../src/infrastructure/postgres/rebuild/postgres-rebuild-store.js';
import { SystemClock } from '../../src/infrastructure/system/system-clock.js';
import { startNode } from '../event-node/servers.js';
import type { BenchPostgres } from '../event-node/postgres.js';
import { startProgram } from '../processes.js';
import { table, type Section } from '../report.js';
import type { Settings } from '../settings.js';
import { execution, reads, start, startSome, STARTS_PER_SECOND, until } from './clients.js';
import { copyHistories } from './histories.js';

const AIM_EVENTS_PER_SECOND = 5_000;
const BEFORE_MS = 10_000;

export async function benchRebuild(postgres: BenchPostgres, settings: Settings): Promise<Section[]> {
  const databaseUrl = await postgres.database('rebuild');
  const directory = await mkdtemp(join(tmpdir(), 'workflow-executor-bench-data-'));
  const env = { DATABASE_URL: databaseUrl, PORT: '0', LOG_LEVEL: 'log', DATA_DIR: directory };
  const main = new URL('../../dist/main.js', import.meta.url);
  const open = async () => {
    const node = await startNode(databaseUrl);
    const app = await startProgram(main, /The API is at (http:\S+?)["\s]/, { ...env, EVENTSTORE_URL: node.url });
    return { node, app, stop: async () => app.stop().then(() => node.stop()) };
  };
  const first = await open();
  const example = await start(first.app.said, true);
  await until(async () => (await execution(first.app.said, example)).current_state === 'completed');
  await first.stop();
  settings.tell(`storing ${settings.events.toLocaleString('en')} events`);
  const stored = await copyHistories(databaseUrl, settings.events);

  const { node, app, stop } = await open();
  const dataSource = await createDataSource({ url: databaseUrl, poolSize: 2 });
  const log = new EventStoreDbEventLog({ url: node.url });
  const clock = new SystemClock();
  const store = new PostgresRebuildStore(dataSource, new PostgresProjectionStore(dataSource), clock);
  const rebuilds = new Rebuilds({ log, clock, store }, projections);
  const over = new AbortController();
  try {
    settings.tell('the live tables take them');
    const began = performance.now();
    const behind = async () => {
      const [row]: { lag: string }[] = await dataSource.query(
        `select (select max(position) from eventstore.events where stream like 'workflow-%') - min(position) as lag
         from projection_checkpoints`,
      );
      return Number(row?.lag);
    };
    await until(async () => (await behind()) <= 0);
    const liveRate = (stored * 1_000) / (performance.now() - began);

    const starting = startSome(app.said, over.signal);
    settings.tell('reads without a rebuild');
    const before = await reads(app.said, example, async () => void (await pause(BEFORE_MS)));
    settings.tell('reads while all tables are rebuilt');
    const asked = performance.now();
    let lag = 0;
    const during = await reads(app.said, example, async () => {
      for (const projection of projections) {
        const context = {
          ...{ commandId: randomUUID(), at: clock.now(), actor: { type: 'user', id: 'bench' } as const },
          ...{ reason: null, causationId: null, traceparent: null },
        };
        await rebuilds.request(projection.table, { require: 'zero-diff' }, context);
      }
      await until(async () => {
        lag = Math.max(lag, await behind());
        const views = await Promise.all(projections.map(async ({ table: name }) => rebuilds.view(name)));
        return views.every(({ rebuild }) => rebuild?.phase === 'swapped' || rebuild?.phase === 'refused');
      });
    });
    const seconds = (performance.now() - asked) / 1_000;
    over.abort();
    const starts = await starting;
    const reports = await Promise.all(
      projections.map(async ({ table: name }) => ({ name, rebuild: (await rebuilds.view(name)).rebuild! })),
    );
    const rates = reports.map(({ rebuild }) => (rebuild.comparison!.events * 1_000) / rebuild.comparison!.buildMs);
    const rate = Math.min(...rates);
    const number = (value: number, digits = 0) => value.toLocaleString('en', { maximumFractionDigits: digits });
    const failed = before.failed + during.failed + starts.failed;
    return [
      {
        title: `Rebuild of all read tables, ${number(stored)} events, ${STARTS_PER_SECOND} starts/s`,
        table: table(
          ['what', 'figure'],
          [
            ['events/s, live tables', number(liveRate)],
            ['events/s, rebuild', number(rate)],
            ['from the request to the swap, s', number(seconds, 1)],
            ['lag of the live tables, events, at most', number(lag)],
            ['reads before, p50 / p99, ms', `${number(before.p50, 1)} / ${number(before.p99, 1)}`],
            ['reads during, p50 / p99, ms', `${number(during.p50, 1)} / ${number(during.p99, 1)}`],
            ['starts', number(starts.answered)],
            ['requests that failed', number(failed)],
            ...reports.map(({ name, rebuild: { phase, comparison: c } }) => [
              name,
              `${phase}: ${number(c!.live)} rows, ${c!.added} added, ${c!.removed} removed, ${c!.changed} changed`,
            ]),
          ],
        ),
        ratios: [
          {
            name: 'events/s of a rebuild',
            value: rate,
            aim: `>= ${AIM_EVENTS_PER_SECOND}`,
            met: rate >= AIM_EVENTS_PER_SECOND,
          },
          {
            name: 'p99 of reads, during / before',
            value: during.p99 / before.p99,
            aim: '<= 2',
            met: during.p99 <= 2 * before.p99,
          },
          { name: 'requests that failed', value: failed, aim: '0', met: failed === 0 },
        ],
        raw: { liveRate, rates, seconds, lag, before, during, starts, reports },
      },
    ];
  } finally {
    over.abort();
    await log.close();
    await dataSource.destroy();
    await stop();
    await rm(directory, { recursive: true, force: true });
  }
}
