/** A subscription with nothing to hear is not a lost one, whatever its server sends meanwhile. */
import { randomUUID } from 'node:crypto';
import { followLog } from '../../../src/application/log/follow-log.js';
import type { RecordedEvent } from '../../../src/application/log/event-log.js';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStore,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { SilenceWatch } from '../../../src/infrastructure/eventstore/subscription.js';
import { FailoverEventLog } from '../../../src/infrastructure/eventstore/failover.event-log.js';
import { SystemClock, SystemIds } from '../../../src/infrastructure/system/clock-and-ids.js';
import { eventually } from '../../support/eventually.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';

const SILENCE_MS = 80;
/** How often the end of the log is looked at within that time; three times the limit are enough to be sure. */
const LOOKS = 12;
const FOLLOWERS = 5;
const event = () => ({ id: randomUUID(), type: 'Happened', data: {}, metadata: {} });

/** Counts the looks at the log's end. */
class WatchedLog extends EventStoreDbEventLog {
  heads = 0;
  override head() {
    this.heads += 1;
    return super.head();
  }
}

describe('a server that sends nothing to a subscription for which nothing comes', () => {
  let database: TestDatabase;
  let node: EmbeddedEventStore;
  let log: WatchedLog;
  const ending = new AbortController();
  const losses: unknown[] = [];
  const heard: RecordedEvent[][] = Array.from({ length: FOLLOWERS }, () => []);
  let following: Promise<unknown>;

  beforeAll(async () => {
    database = await createTestDatabase();
    node = await startEmbeddedEventStore({ databaseUrl: database.url });
    log = new WatchedLog({ url: node.url, silenceMs: SILENCE_MS });
    const shared = new FailoverEventLog(node.url, () => log, { followed: ['mine-'] });
    const ports = { log: shared, clock: new SystemClock(), ids: new SystemIds() };
    const follow = async (events: RecordedEvent[]) => {
      const onError = (error: unknown) => void losses.push(error);
      const options = { ...ports, prefix: 'mine-', after: 'start', signal: ending.signal, onError } as const;
      for await (const seen of followLog(options)) if (seen.kind === 'event') events.push(seen.event);
    };
    following = Promise.all(heard.map(follow));
  });
  afterAll(async () => {
    ending.abort();
    await following;
    await log.close();
    await node.close();
    await database.drop();
  });

  const silentForLong = async () => {
    const until = log.heads + LOOKS;
    await eventually(() => log.heads >= until);
  };

  test('is not left while the log is empty', async () => {
    await silentForLong();
    expect(losses).toEqual([]);
  });

  test("is not left while others' streams go on", async () => {
    for (let count = 0; count < 3; count++) await log.append(`other-${count}`, [event()], 'none');
    await silentForLong();
    expect(losses).toEqual([]);
  });

  test('brings the next event over the same connection', async () => {
    await log.append('mine-1', [event()], 'none');
    await eventually(() => heard.every((events) => events.length === 1));
    await silentForLong();
    expect(losses).toEqual([]);
  });
});

describe('a subscription that keeps an event back', () => {
  const watch = async (stream: string) => {
    const log = new InMemoryEventLog();
    let looks = 0;
    const counted = { head: () => (looks++, log.head()), page: log.page.bind(log) };
    const lost: Error[] = [];
    const watched = new SilenceWatch({ prefixes: ['mine-'], after: 'start', silenceMs: 20, log: counted }, (cause) =>
      lost.push(cause),
    );
    await log.append(stream, [event()], 'none');
    return { lost, watched, looks: () => looks };
  };

  test('is lost', async () => {
    const { lost, watched } = await watch('mine-1');
    await eventually(() => lost.length > 0);
    watched.stop();
    expect(lost[0]?.message).toMatch(/nothing was heard within 20 ms/);
  });

  test("is not, where the event is another stream's", async () => {
    const { lost, watched, looks } = await watch('other-1');
    await eventually(() => looks() > LOOKS);
    watched.stop();
    expect(lost).toEqual([]);
  });

  test('is not, while its subscriber is busy', async () => {
    const { lost, watched } = await watch('mine-1');
    watched.received({ kind: 'caught-up' });
    const other = await watch('mine-1');
    await eventually(() => other.lost.length > 0);
    expect(lost).toEqual([]);
    watched.waits();
    await eventually(() => lost.length > 0);
    watched.stop();
    other.watched.stop();
  });
});
