/** What a client's expression may cost, and whom. */
import { streamNameFilter, type EventStoreDBClient } from '@eventstore/db-client';
import { startEmbeddedEventStore } from '../../../src/infrastructure/embedded-eventstore/index.js';
import { FairTurns, Searches } from '../../../src/infrastructure/embedded-eventstore/log/searches.js';
import type { Filter } from '../../../src/infrastructure/embedded-eventstore/log/filter.js';
import { readAll } from '../../../src/infrastructure/embedded-eventstore/log/log-reads.js';
import type { Reader } from '../../../src/infrastructure/embedded-eventstore/storage/reader.js';
import { connect } from '../../../src/infrastructure/eventstore/connect.js';
import { createTestDatabase } from '../../support/postgres.js';
import { closeClient, collect, event, events, newStream } from './server-under-test.js';

const LIMITS = { scanEvents: 100, searchSliceMs: 4, searchSharePercent: 50 };

/** A log without an end, of events that nobody asks for. */
class EndlessReader {
  scans = 0;
  async scan(position: bigint, _direction: string, limit: number) {
    this.scans += 1;
    await new Promise((resolve) => setImmediate(resolve));
    return Array.from({ length: limit }, (_, index) => ({
      position: position + BigInt(index) + 1n,
      stream: 's',
      type: 't',
    }));
  }
}

const nobody: Filter = { matches: () => false, isCostly: true };
/** One look takes a millisecond. */
const slow: Filter = {
  matches: () => {
    for (const until = performance.now() + 1; performance.now() < until;);
    return false;
  },
  isCostly: true,
};

const searching = (filter: Filter, signal: AbortSignal, name = 'one') => {
  const reader = new EndlessReader() as EndlessReader & Reader;
  const searches = new Searches(reader, LIMITS);
  const read = { from: 'start', direction: 'forwards', count: 10n, filter } as const;
  const search = async () => {
    for await (const page of readAll(reader, (wanted) => searches.page(wanted, { name, signal }), read, signal))
      throw new Error(`Expected to find nothing, got ${page.length} events`);
  };
  return { reader, searches, ended: search() };
};

const soon = () => new Promise((resolve) => setTimeout(resolve, 20));

test.each([
  ['an expression', nobody],
  ['a prefix', { ...nobody, isCostly: false }],
  ['a slow expression', slow],
])('a search by %s that finds nothing ends when its caller leaves', async (_, filter) => {
  const left = new AbortController();
  const { reader, ended } = searching(filter, left.signal);
  await soon();
  expect(reader.scans).toBeGreaterThan(0);
  left.abort();
  await ended;
  const scans = reader.scans;
  await soon();
  expect(reader.scans).toBe(scans);
});

test('while an expression takes long, the thread has time for others', async () => {
  const left = new AbortController();
  const { ended } = searching(slow, left.signal);
  let longest = 0;
  for (let times = 0; times < 20; times += 1) {
    const begin = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 5));
    longest = Math.max(longest, performance.now() - begin);
  }
  left.abort();
  await ended;
  // One page of a hundred looks takes a hundred milliseconds.
  expect(longest).toBeLessThan(90);
});

test('turns go round: a caller that asks many times waits behind a caller that asks once', async () => {
  const turns = new FairTurns();
  const order: string[] = [];
  const ask = (caller: string) => turns.take(caller).then(() => void order.push(caller));
  const asked = [ask('many'), ask('many'), ask('many'), ask('many'), ask('one'), ask('two')];
  for (let left = asked.length; left > 0; left -= 1) {
    await new Promise((resolve) => setImmediate(resolve));
    turns.leave();
  }
  await Promise.all(asked);
  expect(order).toEqual(['many', 'many', 'one', 'two', 'many', 'many']);
  await turns.take('again');
});

describe('the node', () => {
  // Never another server: what is harmless here may not be there.
  const start = async () => {
    const database = await createTestDatabase();
    const node = await startEmbeddedEventStore({ databaseUrl: database.url });
    const client = connect(node.url);
    return { client, node, end: () => closeClient(client).then(node.close).then(database.drop) };
  };
  let server: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => (server = await start()));
  afterAll(() => server.end());

  const search = (client: EventStoreDBClient, regex: string) =>
    client.subscribeToAll({ filter: streamNameFilter({ regex }) }).on('error', () => undefined);

  test.each([
    ...['(a)\\1', '(?=a)b', 'a'.repeat(1_001), '((a?){50}){50}'].map((regex) => [regex, 3] as const),
    ['(', 2] as const,
  ])(
    'refuses an expression that cannot be matched in little time, and what is none as EventStoreDB does: %s',
    async (regex, code) => {
      const refused = server.client.subscribeToAll({ filter: streamNameFilter({ regex }) });
      await expect(collect(refused)).rejects.toMatchObject({ code });
    },
  );

  test('matches what a backtracking matcher would try for ever, in no time', async () => {
    const long = 'a'.repeat(900);
    const stream = newStream(long);
    await server.client.appendToStream(stream, events(3));
    // No harm to any matcher whose time grows with the name alone, as this one's does.
    const caughtUp = async (regex: string) => {
      const found: (string | undefined)[] = [];
      const subscription = search(server.client, regex).on('data', ({ event: one }) => found.push(one?.streamId));
      await new Promise((resolve) => subscription.once('caughtUp', resolve as () => void));
      await subscription.unsubscribe();
      return found;
    };
    expect(await caughtUp('^(a+)+-')).toEqual([stream, stream, stream]);
    expect(await caughtUp('^(a+)+$')).toEqual([]);
  });

  test('answers others while many search, and ends them when they leave', async () => {
    const { client } = server;
    await client.appendToStream(newStream('x'.repeat(900)), events(1_000));
    const others = Array.from({ length: 20 }, () => search(client, '([a-w]*x){30}-nobody'));
    const begin = performance.now();
    for (let times = 0; times < 5; times += 1) await client.appendToStream(newStream(), event());
    expect(performance.now() - begin).toBeLessThan(5_000);
    await Promise.all(others.map((read) => read.unsubscribe()));
  });

  test('closes in time while many search', async () => {
    const { client, node, end } = await start();
    await client.appendToStream(newStream('x'.repeat(900)), events(1_000));
    for (let times = 0; times < 20; times += 1) search(client, '([a-w]*x){30}-nobody');
    await client.appendToStream(newStream(), event());
    const begin = performance.now();
    await node.close();
    expect(performance.now() - begin).toBeLessThan(10_000);
    await end();
  });
});
