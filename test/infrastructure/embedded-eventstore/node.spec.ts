/** What is the embedded node's own: how it is found, its limits, its shutdown, and what it does not serve. */
import {
  EventStoreDBClient,
  persistentSubscriptionToStreamSettingsFromDefaults,
  streamNameFilter,
} from '@eventstore/db-client';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStore,
  type EmbeddedEventStoreOptions,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';
import { closeClient, collect, event, events, failing, newStream, outcome, ways } from './server-under-test.js';

let database: TestDatabase;
let node: EmbeddedEventStore | undefined;
const clients: EventStoreDBClient[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const client of clients.splice(0)) await closeClient(client).catch(() => undefined);
  await node?.close();
  node = undefined;
});
afterAll(() => database.drop());

async function start(options: Partial<EmbeddedEventStoreOptions> = {}) {
  node = await startEmbeddedEventStore({ databaseUrl: database.url, ...options });
  return connect(node.url);
}
function connect(url: string) {
  const client = EventStoreDBClient.connectionString(url);
  clients.push(client);
  return client;
}

test('a filtered subscription hears how far the log is searched, also while others get events one by one', async () => {
  const idleCheckpointMs = 300;
  const client = await start({ limits: { idleCheckpointMs } });
  const position = async () => (await client.appendToStream(newStream(), event())).position!.commit;
  let [written, reached] = [await position(), 0n];
  const subscription = client.subscribeToAll({
    fromPosition: 'end',
    filter: streamNameFilter({
      prefixes: ['nobody-'],
      // By number there is one after 3,200 events.
      checkpointInterval: 100,
      checkpointReached: async (_, { commit }) => void (reached = commit),
    }),
  });
  subscription.on('error', () => undefined);
  const first = written;
  // Never is there a pause as long as that in which nothing is written.
  for (const until = Date.now() + 20 * idleCheckpointMs; reached <= first && Date.now() < until;) {
    written = await position();
    await new Promise((resolve) => setTimeout(resolve, idleCheckpointMs / 6));
  }
  expect(reached).toBeGreaterThan(first);
  expect(reached).toBeLessThanOrEqual(written);
  await subscription.unsubscribe();
});

test('is found by every form of connection', async () => {
  await start();
  const { host, port } = new URL(node?.url ?? '');
  const forms = [
    connect(`esdb://${host}?tls=false`),
    connect(`esdb+discover://${host}?tls=false`),
    connect(`esdb://${host},${host}?tls=false&nodePreference=leader`),
    new EventStoreDBClient({ endpoint: host }, { insecure: true }),
    new EventStoreDBClient({ endpoints: [{ address: '127.0.0.1', port: Number(port) }] }, { insecure: true }),
    new EventStoreDBClient({ discover: { address: '127.0.0.1', port: Number(port) } }, { insecure: true }),
  ];
  clients.push(...forms.slice(3));
  for (const client of forms) expect(await outcome(client, newStream(), event(), 'no_stream')).toBe(0n);
});

test('tells the address it is told to tell', async () => {
  const client = await start({ advertisedHost: 'events.example', advertisedPort: 4321 });
  expect(node?.url).toBe('esdb://events.example:4321?tls=false');
  await closeClient(client);
  clients.splice(0);
});

test('says of what it does not serve that it does not', async () => {
  const client = await start();
  const settings = persistentSubscriptionToStreamSettingsFromDefaults();
  const refused = client.createPersistentSubscriptionToStream('stream', 'group', settings);
  await expect(refused).rejects.toMatchObject({ code: 12 });
  await expect(client.enableProjection('p')).rejects.toMatchObject({ code: 12 });
});

test('refuses bad input, and says what was expected', async () => {
  const client = await start();
  for (const [, way] of ways) {
    for (const name of ['', '$$', '$all', '$$$$x', 'nul\0', 'x'.repeat(2_000)]) {
      await expect(client.appendToStream(name, event(), way)).rejects.toThrow(
        /[Ee]xpected|cannot be written|no metadata|recognize/,
      );
    }
  }
  await expect(collect(client.readStream(''))).rejects.toMatchObject({ code: 3 });
  const filtered = client.subscribeToAll({ filter: streamNameFilter({ regex: '(' }) });
  await expect(collect(filtered)).rejects.toMatchObject({ code: 3 });
  expect(await outcome(client, newStream(), event(), 'no_stream')).toBe(0n);
});

test('tells names of any letters in its errors', async () => {
  const client = await start();
  const stream = newStream('größe 漢字');
  await client.tombstoneStream(stream);
  const failure = (await failing(collect(client.readStream(stream)))) as { type: string; streamName: string };
  expect(failure.type).toBe('stream-deleted');
  expect(decodeURIComponent(failure.streamName)).toBe(stream);
});

test.each(ways)('answers that it is too busy when too many appends wait (%s)', async (_name, way) => {
  const client = await start({ limits: { maxWaitingAppends: 4, maxCommitEvents: 1 } });
  const answers = await Promise.all(
    Array.from({ length: 60 }, () => outcome(client, newStream(), event(), 'no_stream', way).catch(() => 'error')),
  );
  expect(answers).toContain(0n);
  expect(answers.some((answer) => answer !== 0n)).toBe(true);
  await eventually(async () => expect(await outcome(client, newStream(), event(), 'no_stream', way)).toBe(0n));
});

test('serves a limited number of reads at once', async () => {
  const client = await start({ limits: { maxReads: 3 } });
  const open = Array.from({ length: 3 }, () => client.subscribeToAll());
  let confirmed = 0;
  for (const subscription of open)
    subscription
      .on('confirmation', () => (confirmed += 1))
      .on('error', () => undefined)
      .resume();
  await eventually(() => confirmed === 3);
  await expect(collect(client.readAll())).rejects.toMatchObject({ code: 8 });
  await open[0]?.unsubscribe();
  await eventually(async () => expect((await collect(client.readAll({ maxCount: 1 }))).length).toBeLessThanOrEqual(1));
  for (const subscription of open.slice(1)) await subscription.unsubscribe();
});

test('closes with what is in flight answered, and subscribers told', async () => {
  const client = await start();
  const subscription = client.subscribeToAll({ fromPosition: 'end' });
  const told = new Promise((resolve) => subscription.once('error', resolve));
  await new Promise((resolve) => subscription.once('caughtUp', resolve).resume());
  const stream = newStream();
  const work = Promise.all(
    Array.from({ length: 50 }, (_, index) => outcome(client, `${stream}-${index}`, events(3), 'no_stream', ways[0][1])),
  );
  await eventually(
    async () =>
      (
        await collect(client.readAll({ direction: 'backwards', fromPosition: 'end', maxCount: 1 }))
      )[0]?.event?.streamId.startsWith(stream) ?? false,
  );
  await node?.close();
  node = undefined;
  const answers = await work;
  expect(await told).toMatchObject({ type: 'unavailable' });
  const again = await start();
  for (const [index, answer] of answers.entries()) {
    if (answer === 2n) expect(await collect(again.readStream(`${stream}-${index}`))).toHaveLength(3);
    else
      expect(await failing(collect(again.readStream(`${stream}-${index}`)))).toMatchObject({
        type: 'stream-not-found',
      });
  }
});

test('positions go on where they were after a restart, and streams too', async () => {
  const stream = newStream();
  const before = await (await start()).appendToStream(stream, events(2));
  await node?.close();
  const client = await start();
  const after = await client.appendToStream(stream, event(), { expectedRevision: 1n });
  expect(after.position?.commit).toBeGreaterThan(before.position?.commit ?? 0n);
  expect((await collect(client.readStream(stream))).map((one) => one.event?.revision)).toEqual([0n, 1n, 2n]);
});
