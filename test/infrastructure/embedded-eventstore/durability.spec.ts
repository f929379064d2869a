/** What was acknowledged is in the log whatever is killed, and subscribers hear it once, in order. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  LogUnavailable,
  RevisionConflict,
  type EventLog,
  type NewEvent,
  type RecordedEvent,
} from '../../../src/application/log/event-log.js';
import {
  AnotherNodeRuns,
  findRunningNode,
  startEmbeddedEventStore,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { startEmbeddedPostgres } from '../../../src/infrastructure/embedded-postgres/embedded-postgres.js';
import { busyWriter } from '../../support/busy-writer.js';
import { bundled, startChild, type Child } from '../../support/child.js';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';

const program = bundled(new URL('../../../dist/infrastructure/embedded-eventstore/main.js', import.meta.url));
const event = (): NewEvent => ({ id: randomUUID(), type: 'Happened', data: {}, metadata: {} });

/** Subscribes again after what it has heard last, for as long as it is wanted. */
function faithfulListener(log: EventLog, prefix: string) {
  const heard: RecordedEvent[] = [];
  const over = new AbortController();
  let losses = 0;
  const done = (async () => {
    while (!over.signal.aborted) {
      const after = heard.at(-1)?.position ?? 'start';
      try {
        for await (const signal of log.subscribe({ prefix, after, signal: over.signal }))
          if (signal.kind === 'event') heard.push(signal.event);
      } catch (error) {
        if (!(error instanceof LogUnavailable)) throw error;
        losses += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  })();
  done.catch(() => undefined);
  return { heard, losses: () => losses, stop: () => (over.abort(), done) };
}

/** Every event of the writers once, in the order of the log, and of each stream as it was acknowledged. */
function expectAll(heard: readonly RecordedEvent[], acknowledged: ReadonlyMap<string, readonly string[]>) {
  expect(heard.every(({ position }, index) => index === 0 || position > heard[index - 1]!.position)).toBe(true);
  for (const [stream, ids] of acknowledged)
    expect(heard.filter((one) => one.stream === stream).map(({ id }) => id)).toEqual(ids);
}

describe('a node that is killed', () => {
  let database: TestDatabase;
  let dataDir = '';
  const children: Child[] = [];
  const startNode = async (port = '0') => {
    const child = startChild(program, [], { DATABASE_URL: database.url, PORT: port, DATA_DIR: dataDir });
    children.push(child);
    await child.printed(/is ready/);
    return { child, url: (await findRunningNode(database.url)) ?? '' };
  };
  beforeAll(async () => {
    database = await createTestDatabase();
    dataDir = await mkdtemp(join(tmpdir(), 'durability-'));
  });
  afterAll(async () => {
    for (const { process } of children) process.kill('SIGKILL');
    await rm(dataDir, { recursive: true });
    await database.drop();
  });

  test('has kept what it acknowledged, and the next node goes on from there', async () => {
    const first = await startNode();
    const port = new URL(first.url).port;
    const log = new EventStoreDbEventLog({ url: first.url, appendTimeoutMs: 1_000 });
    const streams = Array.from({ length: 8 }, () => `killed-${randomUUID()}`);
    const writers = streams.map((stream) => busyWriter(log, stream));
    const listeners = [1, 2].map(() => faithfulListener(log, 'killed-'));
    await eventually(() => writers.every(({ acknowledged }) => acknowledged.length > 5));
    await eventually(() => listeners.every(({ heard }) => heard.length > 0));
    await first.child.kill('SIGKILL');
    const before = writers.map(({ acknowledged }) => acknowledged.length);
    await startNode(port);
    await eventually(() => writers.every(({ acknowledged }, index) => acknowledged.length > (before[index] ?? 0) + 5));
    expect(writers.some((writer) => writer.retries() > 0)).toBe(true);
    for (const [index, writer] of writers.entries()) {
      await writer.stop();
      const { events } = await log.read(streams[index] ?? '');
      expect(events.map(({ id }) => id)).toEqual(writer.acknowledged);
    }
    const total = writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
    const acknowledged = new Map(streams.map((stream, index) => [stream, writers[index]?.acknowledged ?? []]));
    for (const { heard, losses, stop } of listeners) {
      await eventually(() => heard.length >= total);
      expect(heard).toHaveLength(total);
      expectAll(heard, acknowledged);
      expect(losses()).toBeGreaterThan(0);
      await stop();
    }
    await log.close();
  });

  test('knows a repeated append after it was started again, at its revision', async () => {
    const stream = `repeated-${randomUUID()}`;
    const [one, two] = [event(), event()];
    for (const { process } of children) process.kill('SIGKILL');
    const first = await startNode();
    const before = new EventStoreDbEventLog({ url: first.url });
    const answers = [await before.append(stream, [one], 'none'), await before.append(stream, [two], 0n)];
    await first.child.kill('SIGKILL');
    const log = new EventStoreDbEventLog({ url: (await startNode()).url });
    expect([await log.append(stream, [one], 'none'), await log.append(stream, [two], 0n)]).toEqual(answers);
    await expect(log.append(stream, [event()], 0n)).rejects.toBeInstanceOf(RevisionConflict);
    expect((await log.read(stream)).events.map(({ id }) => id)).toEqual([one.id, two.id]);
    await before.close();
    await log.close();
  });

  test('is no longer found, and a live node is; a second on the same database refuses and names the first', async () => {
    for (const { process } of children) process.kill('SIGKILL');
    await eventually(async () => expect(await findRunningNode(database.url)).toBeUndefined());
    const { child, url } = await startNode();
    expect(await findRunningNode(database.url)).toBe(url);
    const second = startEmbeddedEventStore({ databaseUrl: database.url, limits: { lockWaitMs: 0 } });
    await expect(second).rejects.toBeInstanceOf(AnotherNodeRuns);
    await expect(second).rejects.toThrow(`at esdb://${new URL(url).host}?tls=false`);
    await expect(second).rejects.not.toThrow(new URL(url).password);
    await child.kill('SIGTERM');
    expect(child.process.exitCode).toBe(0);
    expect(await findRunningNode(database.url)).toBeUndefined();
  });
});

describe('a Postgres that is killed', () => {
  test('comes back under the node: nothing that was acknowledged is lost, nothing is written twice, subscribers miss nothing', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'workflow-executor-durability-'));
    const postgres = await startEmbeddedPostgres({ dataDir });
    const node = await startEmbeddedEventStore({ databaseUrl: postgres.url });
    const log = new EventStoreDbEventLog({ url: node.url });
    try {
      const listeners = [1, 2].map(() => faithfulListener(log, 'busy-'));
      const streams = Array.from({ length: 8 }, () => `busy-${randomUUID()}`);
      const writers = streams.map((stream) => busyWriter(log, stream));
      const total = () => writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
      for (let round = 0; round < 3; round += 1) {
        const goal = total() + 100;
        await eventually(() => total() > goal);
        const pid = await serverPid(dataDir);
        process.kill(pid, 'SIGKILL');
        await eventually(async () => (await serverPid(dataDir)) !== pid);
      }
      const goal = total() + 100;
      await eventually(() => total() > goal);
      for (const [index, writer] of writers.entries()) {
        await writer.stop();
        const { events } = await log.read(streams[index] ?? '');
        expect(events.map(({ id }) => id)).toEqual(writer.acknowledged);
      }
      const acknowledged = new Map(streams.map((stream, index) => [stream, writers[index]?.acknowledged ?? []]));
      for (const { heard, losses, stop } of listeners) {
        await eventually(() => heard.length >= total());
        expect(heard).toHaveLength(total());
        expectAll(heard, acknowledged);
        expect(losses()).toBe(0); // the node stays, and so does the subscription
        await stop();
      }
    } finally {
      await log.close();
      await node.close();
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    }
  }, 60_000);

  test('and stays away: appends are answered in time, not for ever', async () => {
    const database = await createTestDatabase();
    const node = await startEmbeddedEventStore({
      databaseUrl: database.url,
      limits: { recoveryMs: 1_000, readRetryMs: 100, appendTimeoutMs: 500 },
    });
    const log = new EventStoreDbEventLog({ url: node.url });
    await log.append('away', [event()], 'none');
    await database.drop();
    await expect(log.append('away', [event()], 0n)).rejects.toThrow();
    await expect(log.append('away', [event()], 'none')).rejects.not.toBeInstanceOf(RevisionConflict);
    expect((await node.failed).message).toMatch(/stayed away|does not exist/);
    await log.close();
    await node.close();
  });
});

async function serverPid(dataDir: string): Promise<number> {
  return Number((await readFile(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]);
}
