import { randomUUID } from 'node:crypto';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStore,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { FailoverEventLog, type ServerLog } from '../../../src/infrastructure/eventstore/failover.event-log.js';
import { eventually } from '../../support/eventually.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';
import { describeEventLog, listen } from './event-log.contract.js';

const PREFIXES = ['sub-'];
const sharing = (server: ServerLog, keptEvents?: number) =>
  new FailoverEventLog('a-url-that-stays', () => server, { followed: PREFIXES, ...(keptEvents && { keptEvents }) });

class ServerInMemory extends InMemoryEventLog {
  async close() {}
}

describe('over memory', () => {
  const log = sharing(new ServerInMemory());
  describeEventLog('A log with a shared tail', () => log);
});

describe('over the embedded node', () => {
  let database: TestDatabase;
  let node: EmbeddedEventStore;
  let reached: EventStoreDbEventLog;
  let log: FailoverEventLog;
  beforeAll(async () => {
    database = await createTestDatabase();
    node = await startEmbeddedEventStore({ databaseUrl: database.url });
    reached = new EventStoreDbEventLog({ url: node.url });
    log = sharing(reached);
  });
  afterAll(async () => {
    await reached.close();
    await node.close();
    await database.drop();
  });
  describeEventLog('A log with a shared tail', () => log);
});

describe('followers', () => {
  const stream = () => `sub-${randomUUID()}`;
  const events = (count: number) =>
    Array.from({ length: count }, () => ({ id: randomUUID(), type: 'T', data: {}, metadata: {} }));

  /** Counts the subscriptions that are open. */
  class Counted extends ServerInMemory {
    open = 0;
    unreachable = 0;
    override async head() {
      if (this.unreachable-- > 0) throw new Error('away');
      return super.head();
    }
    override async *subscribe(options: Parameters<InMemoryEventLog['subscribe']>[0]) {
      this.open++;
      try {
        yield* super.subscribe(options);
      } finally {
        this.open--;
      }
    }
  }
  const world = (keptEvents = 100) => {
    const reached = new Counted();
    return { reached, log: sharing(reached, keptEvents) };
  };
  type Heard = ReturnType<typeof listen>;
  const isCaughtUp = ({ signals }: Heard) => signals.some(({ kind }) => kind === 'caught-up');

  test('share one subscription when they have caught up, and leave none open', async () => {
    const { reached, log } = world();
    await log.append(stream(), events(3), 'none');
    const all = [listen(log, 'sub-', 'start'), listen(log, 'sub-', 'start'), listen(log, 'sub-x', 'start')];
    await eventually(() => all.every(isCaughtUp));
    await log.append(stream(), events(2), 'none');
    await eventually(() => expect(all.map((heard) => heard.events().length)).toEqual([5, 5, 0]));
    expect(reached.open).toBe(1);
    for (const heard of all) await heard.stop();
    await eventually(() => expect(reached.open).toBe(0));
  });

  test('a follower far behind what is kept reads by itself, in order and without a gap, and comes back', async () => {
    const { reached, log } = world(10);
    const fast = listen(log, 'sub-', 'start');
    const slow = listen(log, 'sub-', 'start', 1);
    await eventually(() => isCaughtUp(fast) && isCaughtUp(slow));
    let most = 0;
    for (let batch = 0; batch < 5; batch++) {
      await log.append(stream(), events(100), 'none');
      await eventually(() => expect(fast.events()).toHaveLength(100 * (batch + 1)));
      most = Math.max(most, reached.open);
    }
    await eventually(() => expect(slow.events()).toHaveLength(500));
    expect(slow.places()).toEqual(fast.places());
    expect(most).toBe(2);
    expect(slow.signals.filter(({ kind }) => kind === 'caught-up')).toHaveLength(1);
    await log.append(stream(), events(1), 'none');
    await eventually(() => expect(slow.events()).toHaveLength(501));
    await eventually(() => expect(reached.open).toBe(1));
    await fast.stop();
    await slow.stop();
  });

  test('all get the loss of the connection as an error, and a follower that comes again gets a new subscription', async () => {
    const { reached, log } = world();
    const lost = [listen(log, 'sub-', 'start'), listen(log, 'sub-', 'start')];
    await eventually(() => lost.every(isCaughtUp));
    await log.append(stream(), events(1), 'none');
    await eventually(() => lost.every((heard) => heard.events().length === 1));
    reached.disconnect(new Error('the cable'));
    for (const heard of lost) await expect(heard.done).rejects.toThrow('the cable');
    const position = (await log.head()) as bigint;
    await log.append(stream(), events(1), 'none');
    const again = listen(log, 'sub-', position);
    await eventually(() => isCaughtUp(again));
    await log.append(stream(), events(1), 'none');
    await eventually(() => expect(again.events()).toHaveLength(2));
    await again.stop();
    expect(reached.open).toBe(0);
  });

  test('a log that cannot say where it ends is an error of the subscription, and is asked again', async () => {
    const { reached, log } = world();
    reached.unreachable = 1;
    await expect(listen(log, 'sub-', 'start').done).rejects.toThrow('away');
    const heard = listen(log, 'sub-', 'start');
    await eventually(() => isCaughtUp(heard));
    await heard.stop();
  });

  test('a follower of streams that are not shared has a subscription of its own', async () => {
    const { reached, log } = world();
    const heard = listen(log, 'another-', 'start');
    await log.append(`another-${randomUUID()}`, events(2), 'none');
    await eventually(() => expect(heard.events()).toHaveLength(2));
    await heard.stop();
    expect(reached.open).toBe(0);
  });
});
