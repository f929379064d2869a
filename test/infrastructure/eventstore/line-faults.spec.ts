/** The line to the event node fails in each way in which lines fail: what was acknowledged is there, once, and is heard once. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { RecordedEvent } from '../../../src/application/log/event-log.js';
import { followLog } from '../../../src/application/log/follow-log.js';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStore,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { SystemClock } from '../../../src/infrastructure/system/system-clock.js';
import { SystemIds } from '../../../src/infrastructure/system/system-ids.js';
import { busyWriter } from '../../support/busy-writer.js';
import { eventually } from '../../support/eventually.js';
import { startFaultProxy, type FaultProxy } from '../../support/fault-proxy.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';

const WRITERS = 4;

let database: TestDatabase;
let node: EmbeddedEventStore;
let proxy: FaultProxy;

beforeAll(async () => {
  database = await createTestDatabase();
  node = await startEmbeddedEventStore({ databaseUrl: database.url });
  proxy = await startFaultProxy({ port: Number(new URL(node.url).port) });
});
afterAll(async () => {
  await proxy.close();
  await node.close();
  await database.drop();
});

/** Some time under the fault: long enough for an append to run into its limit. */
const aWhile = () => delay(1_500);

type Fault = Readonly<{ name: string; befall: () => Promise<void>; isFelt: boolean }>;
const faults: readonly Fault[] = [
  {
    name: 'dropped',
    isFelt: true,
    befall: async () => {
      for (let times = 0; times < 5; times += 1) {
        proxy.drop();
        await delay(100);
      }
    },
  },
  { name: 'half-open', isFelt: true, befall: async () => (proxy.halfOpen(), aWhile()) },
  { name: 'slow', isFelt: false, befall: async () => (proxy.slow(50), aWhile()) },
  { name: 'closed to newcomers', isFelt: true, befall: async () => (proxy.refuse(), aWhile()) },
  {
    name: 'cut in the middle of an append',
    isFelt: true,
    befall: async () => {
      for (let times = 1; times <= 5; times += 1) {
        const before = proxy.cuts();
        proxy.cutNext('line-');
        await eventually(() => proxy.cuts() > before);
      }
    },
  },
];

test.each(faults)(
  '$name',
  async ({ befall, isFelt }) => {
    const url = node.url.replace(/:\d+\?/, `:${proxy.port}?`);
    const log = new EventStoreDbEventLog({ url, appendTimeoutMs: 500, readTimeoutMs: 1_000, silenceMs: 2_000 });
    const prefix = `line-${randomUUID()}-`;
    const streams = Array.from({ length: WRITERS }, (_, index) => `${prefix}${index}`);
    const writers = streams.map((stream) => busyWriter(log, stream));
    const heard: RecordedEvent[] = [];
    const ending = new AbortController();
    const listening = (async () => {
      const ports = { log, clock: new SystemClock(), ids: new SystemIds() };
      const following = followLog({
        ...ports,
        prefix,
        after: 'start',
        signal: ending.signal,
        onError: () => undefined,
      });
      for await (const seen of following) if (seen.kind === 'event') heard.push(seen.event);
    })();
    const acknowledged = () => writers.reduce((sum, writer) => sum + writer.acknowledged.length, 0);
    try {
      await eventually(() => acknowledged() > 50);
      await befall();
      proxy.release();
      const then = acknowledged();
      await eventually(() => acknowledged() > then + 50, { deadlineMs: 20_000 });
      if (isFelt) expect(writers.some((writer) => writer.retries() > 0)).toBe(true);
      for (const [index, writer] of writers.entries()) {
        await writer.stop();
        const { events } = await log.read(streams[index] ?? '');
        expect(events.map(({ id }) => id)).toEqual(writer.acknowledged);
      }
      await eventually(() => expect(heard).toHaveLength(acknowledged()), { deadlineMs: 20_000 });
      for (const [index, writer] of writers.entries()) {
        expect(heard.filter(({ stream }) => stream === streams[index]).map(({ id }) => id)).toEqual(
          writer.acknowledged,
        );
      }
    } finally {
      proxy.release();
      ending.abort();
      await Promise.all(writers.map((writer) => writer.stop()));
      await listening;
      await log.close();
    }
  },
  60_000,
);
