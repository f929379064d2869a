/** What is the embedded node's own: how it is found, its limits, its shutdown, and what it does not serve. */
import gossipServices from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import featureServices from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import sharedMessages from '@eventstore/db-client/generated/shared_pb.js';
import { credentials } from '@grpc/grpc-js';
import {
  EventStoreDBClient,
  binaryEvent,
  persistentSubscriptionToStreamSettingsFromDefaults,
  streamNameFilter,
} from '@eventstore/db-client';
import { addressOf, withCredentials } from '../../../src/infrastructure/eventstore/connect.js';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStore,
  type EmbeddedEventStoreOptions,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';
import {
  closeClient,
  collect,
  connectTo,
  event,
  events,
  failing,
  newStream,
  outcome,
  ways,
} from './server-under-test.js';

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
  return connected(node.url);
}
function connected(url: string) {
  const client = connectTo(url);
  clients.push(client);
  return client;
}

test('a position that an append without events took is a place for nobody', async () => {
  const client = await start();
  const stream = newStream();
  const [before, empty, after] = [
    await client.appendToStream(stream, event()),
    await client.appendToStream(stream, []),
    await client.appendToStream(stream, event()),
  ].map(({ position }) => position!);
  expect(after!.commit - before!.commit).toBe(2n);
  expect(empty!.commit - before!.commit).toBe(1n);
  const revisions = async (options: object) =>
    (await collect(client.readAll(options))).map((one) => one.event?.revision);
  expect(await revisions({ fromPosition: before })).toEqual([0n, 1n]);
  for (const options of [{}, { direction: 'backwards' }, { filter: streamNameFilter({ prefixes: [stream] }) }]) {
    const refused = await revisions({ fromPosition: empty, ...options }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 2, message: expect.stringMatching(/ReadAllResult/) });
  }
  await expect(collect(client.subscribeToAll({ fromPosition: empty! }))).rejects.toMatchObject({ code: 2 });
  const beyond = { commit: after!.commit + 1_000n, prepare: after!.commit + 1_000n };
  expect(await revisions({ fromPosition: beyond })).toEqual([]);
  const heard: bigint[] = [];
  const subscription = client.subscribeToAll({ fromPosition: beyond });
  const confirmed = new Promise((resolve) => subscription.on('caughtUp', () => resolve(undefined)));
  subscription.on('data', (one) => heard.push(one.event!.revision));
  await confirmed;
  await client.appendToStream(stream, event());
  await eventually(() => expect(heard).toEqual([2n]));
  await subscription.unsubscribe();
});

describe('a caller without the secret of the installation', () => {
  const plain = async () => {
    await start();
    const { host, port } = new URL(node!.address);
    return { host, port, at: (credentials: string) => `esdb://${credentials}${host}?tls=false` };
  };

  test.each([
    ['none', ''],
    ['another', 'executor:another@'],
    ['the right one, of a user that is none', 'somebody:SECRET@'],
    ['an empty one', 'executor:%20@'],
  ])('is served nothing with %s, and learns nothing', async (_name, credentials) => {
    const { at } = await plain();
    const client = connected(at(credentials.replace('SECRET', node!.secret)));
    const stream = newStream();
    const calls = [
      ...ways.map(([, way]) => client.appendToStream(stream, event(), way)),
      collect(client.readStream(stream)),
      collect(client.readAll({ maxCount: 1 })),
      collect(client.subscribeToAll()),
      client.deleteStream(stream),
      client.tombstoneStream(stream),
      client.setStreamMetadata(stream, { maxCount: 1 }),
    ];
    const refused = (await Promise.allSettled(calls)) as PromiseRejectedResult[];
    for (const { status, reason } of refused) {
      expect(status).toBe('rejected');
      expect(reason).toMatchObject({ code: 16 });
      expect(JSON.stringify(reason) + String(reason)).not.toContain(node!.secret);
    }
    expect(await outcome(connected(node!.url), stream, event(), 'no_stream')).toBe(0n);
  });

  test('gets no answer about the cluster or the services either', async () => {
    const { host } = await plain();
    const channel = credentials.createInsecure();
    const [gossip, features] = [
      new gossipServices.GossipClient(host, channel),
      new featureServices.ServerFeaturesClient(host, channel),
    ];
    const refused = (call: (done: (error: unknown) => void) => unknown) => new Promise((resolve) => void call(resolve));
    try {
      expect(await refused((done) => gossip.read(new sharedMessages.Empty(), done))).toMatchObject({ code: 16 });
      expect(await refused((done) => features.getSupportedMethods(new sharedMessages.Empty(), done))).toMatchObject({
        code: 16,
      });
    } finally {
      gossip.close();
      features.close();
    }
  });

  test('a caller with the secret is served, by any form of one address', async () => {
    const { host } = await plain();
    const password = encodeURIComponent(node!.secret);
    const forms = [node!.url, `esdb://executor:${password}@${host}/?connectionName=a&tls=false`];
    for (const url of forms) expect(await outcome(connected(url), newStream(), event(), 'no_stream')).toBe(0n);
    const gossip = new gossipServices.GossipClient(host, credentials.createInsecure(), {
      interceptors: [withCredentials(addressOf(node!.url).credentials!)],
    });
    const members = await new Promise<{ getMembersList: () => unknown[] } | undefined>((resolve) =>
      gossip.read(new sharedMessages.Empty(), (_error, found) => resolve(found)),
    );
    expect(members?.getMembersList()).toHaveLength(1);
    gossip.close();
  });

  test('the secret stays over a restart, and a second one may be given', async () => {
    await start();
    const before = node!.url;
    const { secret } = node!;
    const { port } = new URL(before);
    await node!.close();
    await start({ port: Number(port), secret: 'given by an operator' });
    expect(node!.secret).toBe(secret);
    for (const url of [before, before.replace(encodeURIComponent(secret), 'given%20by%20an%20operator')])
      expect(await outcome(connected(url), newStream(), event(), 'no_stream')).toBe(0n);
  });
});

describe('streams of the application itself', () => {
  const own = [
    'workflow-',
    'audit-review-',
    'agent-',
    'projection-',
    'poison-',
    'webhook-',
    'audit-checkpoints',
    'health-probe',
  ];

  test.each(own)('are not deleted, tombstoned or cut: %s', async (prefix) => {
    const client = await start();
    const stream = `${prefix}${newStream()}`;
    await client.appendToStream(stream, events(3));
    const denied = { type: 'access-denied' };
    for (const [, way] of ways) {
      expect(await failing(client.deleteStream(stream, way))).toMatchObject(denied);
      expect(await failing(client.tombstoneStream(stream, way))).toMatchObject(denied);
      for (const metadata of [{ maxCount: 1 }, { maxAge: 1 }, { truncateBefore: 2 }])
        expect(await failing(client.setStreamMetadata(stream, metadata, way))).toMatchObject(denied);
      const bytes = binaryEvent({ type: 'Anything', data: Buffer.from('{"$tb": 2}') });
      expect(await failing(client.appendToStream(`$$${stream}`, bytes, way))).toMatchObject(denied);
      expect(await failing(client.appendToStream(`$$${stream}`, [event({ custom: 2 }), bytes], way))).toMatchObject(
        denied,
      );
    }
    await client.setStreamMetadata(stream, { custom: 1 });
    expect(await collect(client.readStream(stream))).toHaveLength(3);
  });

  test('of others are, also where their names only contain such a one', async () => {
    const client = await start();
    const stream = newStream('my-workflow-');
    await client.appendToStream(stream, events(3));
    await client.setStreamMetadata(stream, { maxCount: 1 });
    expect(await collect(client.readStream(stream))).toHaveLength(1);
    await client.deleteStream(stream);
    await client.tombstoneStream(stream);
  });
});

test('advertises the address of its options', async () => {
  const client = await start({ advertisedHost: 'events.example', advertisedPort: 4321 });
  expect(node?.address).toBe('esdb://events.example:4321?tls=false');
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
    for (const name of ['', '$$', '$all', 'nul\0', 'x'.repeat(3_000)]) {
      await expect(client.appendToStream(name, event(), way)).rejects.toThrow(
        /[Ee]xpected|cannot be written|recognize/,
      );
    }
  }
  await expect(collect(client.readStream(''))).rejects.toMatchObject({ code: 3 });
  const filtered = client.subscribeToAll({ filter: streamNameFilter({ regex: '(' }) });
  await expect(collect(filtered)).rejects.toMatchObject({ code: 2 });
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

test('closes after it has answered what is in flight and ended the subscriptions', async () => {
  const client = await start();
  const subscription = client.subscribeToAll({ fromPosition: 'end' });
  const told = new Promise((resolve) => subscription.once('error', resolve));
  await new Promise((resolve) => subscription.once('caughtUp', resolve).resume());
  const stream = newStream();
  const work = Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      outcome(client, `${stream}-${index}`, events(3), 'no_stream', ways[0]![1]),
    ),
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
