import { randomUUID } from 'node:crypto';
import { leafOf } from '../../../src/application/audit/audited-log.js';
import type { NewEvent, RecordedEvent, SubscriptionMessage } from '../../../src/application/log/event-log.js';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStore,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';
import { describeEventLog } from './event-log.contract.js';

let database: TestDatabase;
let node: EmbeddedEventStore;
let log: EventStoreDbEventLog;
beforeAll(async () => {
  database = await createTestDatabase();
  node = await startEmbeddedEventStore({ databaseUrl: database.url });
  log = new EventStoreDbEventLog({ url: node.url });
});
afterAll(async () => {
  await log.close();
  await node.close();
  await database.drop();
});

describeEventLog('The embedded node', () => log);

const event = (data: unknown = {}): NewEvent => ({
  id: randomUUID(),
  type: 'Happened',
  data: data as NewEvent['data'],
  metadata: { hash: 'abc', by: { type: 'user' } },
});
const eventsIn = (heard: readonly SubscriptionMessage[]): readonly RecordedEvent[] =>
  heard.flatMap((message) => (message.kind === 'event' ? [message.event] : []));

const follow = async (follower: EventStoreDbEventLog, prefix: string, signal: AbortSignal) => {
  const heard: SubscriptionMessage[] = [];
  void (async () => {
    for await (const message of follower.subscribe({ prefix, after: await log.head(), signal })) heard.push(message);
  })();
  await eventually(() => heard.some(({ kind }) => kind === 'caught-up'));
  return heard;
};

test('what a client appended itself comes to its subscription as it comes to others, with the same time and audit leaf', async () => {
  const prefix = `${randomUUID()}-`;
  const other = new EventStoreDbEventLog({ url: node.url });
  const ending = new AbortController();
  try {
    await log.append(`before-${prefix}`, [event()], 'none');
    const [own, foreign] = [await follow(log, prefix, ending.signal), await follow(other, prefix, ending.signal)];
    const writers = [log, log, other, log, log, other];
    const appends = writers.flatMap((writer, stream) => [
      writer.append(`${prefix}${stream}`, [event({ stream }), event({ a: undefined, zero: -0 })], 'none'),
      writer.append(`elsewhere-${prefix}${stream}`, [event()], 'none'),
    ]);
    await Promise.all(appends);
    await log.append(`${prefix}0`, [event({ again: [null, 'ä', 1e21] })], 1n);
    await eventually(() => expect(eventsIn(own)).toHaveLength(13));
    await eventually(() => expect(eventsIn(foreign)).toHaveLength(13));
    expect(eventsIn(own)).toStrictEqual(eventsIn(foreign));
    const stored = (await log.page('start', 10_000)).filter(({ stream }) => stream.startsWith(prefix));
    expect(eventsIn(own)).toStrictEqual(stored);
    expect(eventsIn(own).map(leafOf)).toEqual(stored.map(leafOf));
  } finally {
    ending.abort();
    await other.close();
  }
});

test('events of its own that a client keeps no longer are read from the log, and none is missing', async () => {
  const prefix = `${randomUUID()}-`;
  const small = new EventStoreDbEventLog({ url: node.url, keptOwnBytes: 1 });
  const ending = new AbortController();
  try {
    const own = await follow(small, prefix, ending.signal);
    await Promise.all(
      Array.from({ length: 30 }, (_, stream) => small.append(`${prefix}${stream}`, [event(), event()], 'none')),
    );
    await eventually(() => expect(eventsIn(own)).toHaveLength(60));
    const stored = (await log.page('start', 10_000)).filter(({ stream }) => stream.startsWith(prefix));
    expect(eventsIn(own)).toStrictEqual(stored);
  } finally {
    ending.abort();
    await small.close();
  }
});
