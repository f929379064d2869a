/** The database connection is lost in the middle of a commit: whether it happened is found out, and it happens once. */
import pg from 'pg';
import {
  AnotherNodeRuns,
  findRunningNode,
  startEmbeddedEventStore,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase } from '../../support/postgres.js';
import { connect } from '../../../src/infrastructure/eventstore/connect.js';
import { startCutProxy } from './cut-proxy.js';
import { closeClient, collect, event, events, newStream, outcome } from './server-under-test.js';

test.each(['request', 'answer'] as const)('the %s of a commit is lost', async (cut) => {
  const database = await createTestDatabase();
  const proxy = await startCutProxy(database.url);
  const node = await startEmbeddedEventStore({ databaseUrl: proxy.url });
  const client = connect(node.url);
  const [one, two] = [newStream(), newStream()];
  await client.appendToStream(one, events(2));
  const heard: string[] = [];
  const subscription = client.subscribeToAll({ fromPosition: 'end' });
  await new Promise((resolve) =>
    subscription
      .once('caughtUp', resolve)
      .on('data', (item) => heard.push(`${item.event?.streamId} ${item.event?.revision}`)),
  );

  proxy.arm(cut, 'insert-events');
  const answers = await Promise.all([
    outcome(client, one, events(2), 1n),
    outcome(client, two, event(), 'no_stream'),
    outcome(client, newStream(), event(), 5n).then(() => 'answered'),
  ]);
  expect(proxy.cuts()).toBe(1);
  expect(answers).toEqual([3n, 0n, 'answered']);
  expect(await collect(client.readStream(one))).toHaveLength(4);
  expect(await outcome(client, two, event(), 0n)).toBe(1n);
  expect(await collect(client.readStream(two))).toHaveLength(2);
  expect(heard.sort()).toEqual([`${one} 2`, `${one} 3`, `${two} 0`, `${two} 1`].sort());

  await subscription.unsubscribe();
  await closeClient(client);
  await node.close();
  await proxy.close();
  await database.drop();
});

test('the lost session of an idle node is taken up again at once, before another node can have its place', async () => {
  const database = await createTestDatabase();
  const node = await startEmbeddedEventStore({ databaseUrl: database.url });
  await endSessions(database.url, 'embedded-eventstore writer');
  await eventually(async () => expect(await findRunningNode(database.url)).toBe(node.url));
  const second = startEmbeddedEventStore({ databaseUrl: database.url, limits: { lockWaitMs: 0 } });
  await expect(second).rejects.toBeInstanceOf(AnotherNodeRuns);
  const client = connect(node.url);
  expect(await outcome(client, newStream(), event(), 'no_stream')).toBe(0n);
  await closeClient(client);
  await node.close();
  await database.drop();
});

async function endSessions(databaseUrl: string, name: string): Promise<void> {
  const admin = new pg.Client({ connectionString: databaseUrl });
  await admin.connect();
  await admin.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and datname = current_database()',
    [name],
  );
  await admin.end();
}
