/** Who may do what, as on an EventStoreDB with users: the installation's secret is the password of each. */
import type { EventStoreDBClient } from '@eventstore/db-client';
import { connect } from '../../../src/infrastructure/eventstore/connect.js';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStore,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';
import { eventually } from '../../support/eventually.js';
import { closeClient, collect, event, newStream } from './server-under-test.js';

let database: TestDatabase;
let node: EmbeddedEventStore;
const clients: EventStoreDBClient[] = [];
let [executor, admin, ops]: EventStoreDBClient[] = [];

const as = (user: string) => {
  const client = connect(node.url.replace('://executor:', `://${user}:`));
  clients.push(client);
  return client;
};
beforeAll(async () => {
  database = await createTestDatabase();
  node = await startEmbeddedEventStore({ databaseUrl: database.url });
  [executor, admin, ops] = ['executor', 'admin', 'ops'].map(as);
});
afterAll(async () => {
  await Promise.all(clients.map(closeClient));
  await node.close();
  await database.drop();
});

type Work = (client: EventStoreDBClient, stream: string) => Promise<unknown>;
const own = { credentials: { username: 'ignored', password: 'the connection has its own' } };
const works: Record<string, Work> = {
  read: (client, stream) => collect(client.readStream(stream)),
  append: (client, stream) => client.appendToStream(stream, event()),
  'append by the single call': (client, stream) => client.appendToStream(stream, event(), own),
  delete: (client, stream) => client.deleteStream(stream),
  tombstone: (client, stream) => client.tombstoneStream(stream),
  'read metadata': (client, stream) => client.getStreamMetadata(stream),
  'set metadata': (client, stream) => client.setStreamMetadata(stream, { own: 1 }),
};
const names = Object.keys(works);

/** What a user is let do to a stream that is made for each try. */
async function allowed(client: EventStoreDBClient, prefix: string, acl?: object): Promise<readonly string[]> {
  const tried = await Promise.all(
    names.map(async (name) => {
      const stream = newStream(prefix);
      await admin!.appendToStream(stream, event());
      if (acl) await admin!.setStreamMetadata(stream, { acl });
      return works[name]!(client, stream).then(
        () => [name],
        (error: unknown) => {
          expect(error).toMatchObject({ type: 'access-denied' });
          return [];
        },
      );
    }),
  );
  return tried.flat();
}

const READING = ['read', 'read metadata'];
const WRITING = ['append', 'append by the single call'];

test('who is no administrator may use all streams but those of the system', async () => {
  expect(await allowed(ops!, 'any')).toEqual(names);
  expect(await allowed(ops!, '$any')).toEqual([]);
  for (const client of [executor!, admin!]) expect(await allowed(client, '$any')).toEqual(names);
});

test('a list in the metadata of a stream says who may, by user, by group or for all; what it leaves out is by default', async () => {
  const nobody = { readRoles: [], writeRoles: [], deleteRoles: [], metaReadRoles: [], metaWriteRoles: [] };
  expect(await allowed(ops!, 'any', nobody)).toEqual([]);
  expect(await allowed(admin!, 'any', nobody)).toEqual(names);
  expect(await allowed(ops!, 'any', { readRoles: ['someone'] })).toEqual(names.filter((name) => name !== 'read'));
  expect(await allowed(ops!, 'any', { ...nobody, readRoles: ['$ops'], metaReadRoles: ['ops'] })).toEqual(READING);
  expect(await allowed(ops!, '$any', { writeRoles: ['$all'] })).toEqual(WRITING);
});

test('$all is for administrators, unless its metadata say otherwise', async () => {
  const readAll = () => collect(ops!.readAll({ maxCount: 1 }));
  await expect(readAll()).rejects.toMatchObject({ type: 'access-denied' });
  let refused: unknown;
  ops!.subscribeToAll().on('error', (error) => (refused = error));
  await eventually(() => expect(refused).toMatchObject({ type: 'access-denied' }));
  await admin!.setStreamMetadata('$all', { acl: { readRoles: ['$ops'] } });
  expect(await readAll()).toHaveLength(1);
});

test('$settings hold the defaults', async () => {
  const settings = { $userStreamAcl: { $r: '$all', $w: 'someone', $d: 'someone', $mr: ['$ops'], $mw: 'someone' } };
  const written = await admin!.appendToStream('$settings', event(settings, '$settings'));
  expect(await allowed(ops!, 'any')).toEqual(READING);
  expect(await allowed(ops!, 'any', { writeRoles: ['ops'] })).toEqual(
    expect.arrayContaining([...READING, ...WRITING]) as unknown,
  );
  expect(await allowed(executor!, 'any')).toEqual(names);
  await admin!.appendToStream('$settings', event({}, '$settings'), { expectedRevision: written.nextExpectedRevision });
  expect(await allowed(ops!, 'any')).toEqual(names);
});

test("no user takes anything away from the application's own streams", async () => {
  for (const client of [executor!, admin!, ops!]) {
    const stream = newStream('workflow');
    await client.appendToStream(stream, event());
    const takingAway = [
      () => client.deleteStream(stream),
      () => client.tombstoneStream(stream),
      () => client.setStreamMetadata(stream, { maxCount: 1 }),
    ];
    for (const take of takingAway) await expect(take()).rejects.toMatchObject({ type: 'access-denied' });
  }
});
