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
import { PostgresProjectionStore } from '../../src/infrastructure/postgres/projections/postgres-projection-store.js';
import { PostgresRebuildStore } from '../../src/infrastructure/postgres/rebuild/postgres-rebuild-store.js';
import { SystemClock } from '../../src/infrastructure/system/clock-and-ids.js';
import { startNode } from '../event-node/servers.js';
import type { BenchPostgres } from '../event-node/postgres.js';
import { startProgram, type Program } from '../processes.js';
import { table, type Section } from '../report.js';
import type { Settings } from '../settings.js';
import { execution, reads, running, start, startSome, STARTS_PER_SECOND, until } from './clients.js';
import { copyHistories } from '../copies/copies.js';
import { lines, number, type Measured } from './lines.js';
import { startWorkload } from './workload.js';

const AIM_EVENTS_PER_SECOND = 5_000;
const BEFORE_MS = 10_000;

export async function benchRebuild(postgres: BenchPostgres, settings: Settings): Promise<Section[]> {
  const databaseUrl = await postgres.database('rebuild');
  const directory = await mkdtemp(join(tmpdir(), 'workflow-executor-bench-data-'));
  const workload = await startWorkload(directory);
  const env = { DATABASE_URL: databaseUrl, PORT: '0', LOG_LEVEL: 'log', DATA_DIR: directory, ...workload.env };
  const first = await open(databaseUrl, env);
  const example = await start(first.url(), running);
  await until(async () => (await execution(first.url(), example)).current_state === 'completed');
  await first.stop();
  settings.tell(`storing ${settings.events.toLocaleString('en')} events`);
  const stored = await copyHistories(databaseUrl, settings.events, settings.tell);

  const instances = await open(databaseUrl, env);
  const tables = await openTables(databaseUrl, instances.nodeUrl);
  const over = new AbortController();
  try {
    settings.tell('the live tables take them');
    const began = performance.now();
    await until(async () => (await tables.behind()) <= 0);
    const liveRate = (stored * 1_000) / (performance.now() - began);

    const starting = startSome(instances.url, over.signal);
    settings.tell('reads without a rebuild');
    const before = await reads(instances.url, example, async () => void (await pause(BEFORE_MS)));
    settings.tell('reads while all tables are rebuilt');
    const whole = await measure(tables, instances.url, example, async () => undefined);

    settings.tell('the same, and the process that builds is killed in the middle');
    let interrupted = { killedAt: 0, goesOnAfter: 0 };
    const killed = await measure(tables, instances.url, example, async () => {
      interrupted = await killBuilder(tables, instances, stored);
    });
    over.abort();
    const starts = await starting;
    return [
      wholeSection({ stored, liveRate, before, whole, killed, starts }),
      killedSection(whole, killed, interrupted),
    ];
  } finally {
    over.abort();
    await tables.close();
    await instances.stop();
    await workload.close();
    await rm(directory, { recursive: true, force: true });
  }
}

type Instances = Awaited<ReturnType<typeof open>>;
type Tables = Awaited<ReturnType<typeof openTables>>;

/** A node of its own, and an instance that uses it. */
const open = async (databaseUrl: string, env: NodeJS.ProcessEnv) => {
  const main = new URL('../../dist/main.js', import.meta.url);
  const node = await startNode(databaseUrl);
  const startApp = () => startProgram(main, /The API is at (http:\S+?)["\s]/, { ...env, EVENTSTORE_URL: node.url });
  const apps: Program[] = [await startApp()];
  return {
    nodeUrl: node.url,
    /** Of the instance that takes the traffic: the one that was added last. */
    url: () => apps.at(-1)!.printed,
    add: async () => void apps.push(await startApp()),
    killFirst: async () => apps.shift()!.kill(),
    stop: async () => {
      for (const each of apps) await each.stop();
      await node.stop();
    },
  };
};

/** What operators do with the read tables, and what they see of them. */
const openTables = async (databaseUrl: string, nodeUrl: string) => {
  const dataSource = await createDataSource({ url: databaseUrl, poolSize: 2 });
  const log = new EventStoreDbEventLog({ url: nodeUrl });
  const clock = new SystemClock();
  const store = new PostgresRebuildStore(dataSource, new PostgresProjectionStore(dataSource), clock);
  const rebuilds = new Rebuilds({ log, clock, store }, projections);
  const views = () =>
    Promise.all(projections.map(async ({ table: name }) => ({ name, ...(await rebuilds.view(name)) })));
  return {
    behind: async () => {
      const [row]: { lag: string }[] = await dataSource.query(
        `select (select max(position) from eventstore.events where stream like 'workflow-%') - min(position) as lag
         from projection_checkpoints`,
      );
      return Number(row?.lag);
    },
    request: async () => {
      for (const projection of projections) {
        const context = {
          ...{ commandId: randomUUID(), at: clock.now(), actor: { type: 'user', id: 'bench' } as const },
          ...{ reason: null, causationId: null, traceparent: null },
        };
        await rebuilds.request(projection.table, { require: 'zero-diff' }, context);
      }
    },
    isOver: async () =>
      (await views()).every(({ rebuild }) => rebuild?.phase === 'swapped' || rebuild?.phase === 'refused'),
    /** Events that the slowest table has. */
    built: async () => Math.min(...(await views()).map(({ building }) => building?.events ?? 0)),
    reports: async () => (await views()).map(({ name, rebuild }) => ({ name, rebuild: rebuild! })),
    close: async () => {
      await log.close();
      await dataSource.destroy();
    },
  };
};

/** One rebuild of all tables. @param meanwhile after the request */
const measure = async (
  { request, behind, isOver, reports }: Tables,
  url: () => string,
  example: string,
  meanwhile: () => Promise<void>,
): Promise<Measured> => {
  const asked = performance.now();
  let lag = 0;
  const during = await reads(url, example, async () => {
    await request();
    await meanwhile();
    await until(async () => {
      lag = Math.max(lag, await behind());
      return isOver();
    });
  });
  const seconds = (performance.now() - asked) / 1_000;
  const ended = await reports();
  const rates = ended.map(({ rebuild }) => (rebuild.comparison!.events * 1_000) / rebuild.comparison!.buildMs);
  return { during, seconds, lag, reports: ended, rate: Math.min(...rates) };
};

/** In the middle of a rebuild: another instance takes over the traffic first, then the build. */
const killBuilder = async ({ built, isOver }: Tables, instances: Instances, stored: number) => {
  await until(async () => (await built()) > stored / 3);
  await instances.add();
  await pause(1_000);
  const killedAt = await built();
  await instances.killFirst();
  const dead = performance.now();
  await until(async () => (await built()) > killedAt + 10_000 || (await isOver()));
  return { killedAt, goesOnAfter: (performance.now() - dead) / 1_000 };
};

type Figures = Readonly<{
  stored: number;
  liveRate: number;
  before: Measured['during'];
  whole: Measured;
  killed: Measured;
  starts: Readonly<{ answered: number; failed: number }>;
}>;

const wholeSection = ({ stored, liveRate, before, whole, killed, starts }: Figures): Section => {
  const failed = before.failed + whole.during.failed + killed.during.failed + starts.failed;
  return {
    title: `Rebuild of all read tables, ${number(stored)} events, ${STARTS_PER_SECOND} starts/s`,
    table: table(
      ['what', 'figure'],
      [
        ['live tables, events/s', number(liveRate)],
        ['reads before, p50 / p99, ms', `${number(before.p50, 1)} / ${number(before.p99, 1)}`],
        ...lines(whole),
        ['starts', number(starts.answered)],
        ['requests that failed', number(failed)],
      ],
    ),
    ratios: [
      {
        name: 'events/s of a rebuild',
        value: whole.rate,
        aim: `>= ${AIM_EVENTS_PER_SECOND}`,
        met: whole.rate >= AIM_EVENTS_PER_SECOND,
      },
      {
        name: 'p99 of reads, during / before',
        value: whole.during.p99 / before.p99,
        aim: '<= 2',
        met: whole.during.p99 <= 2 * before.p99,
      },
      { name: 'requests that failed', value: failed, aim: '0', met: failed === 0 },
    ],
    raw: { liveRate, before, whole, starts },
  };
};

const killedSection = (
  whole: Measured,
  killed: Measured,
  { killedAt, goesOnAfter }: Readonly<{ killedAt: number; goesOnAfter: number }>,
): Section => {
  const isZero = [...whole.reports, ...killed.reports].every(({ rebuild }) => rebuild.phase === 'swapped');
  return {
    title: 'The same with kill -9 of the process that builds, another beside it',
    table: table(
      ['what', 'figure'],
      [
        ['built when it was killed, events', number(killedAt)],
        ['until 10,000 events more were built, s', number(goesOnAfter, 1)],
        ...lines(killed),
      ],
    ),
    ratios: [{ name: 'rebuilds without a difference', value: isZero ? 1 : 0, aim: '1', met: isZero }],
    raw: { killed, killedAt, goesOnAfter },
  };
};
