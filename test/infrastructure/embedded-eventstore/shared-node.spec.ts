/** One node for several that use a database: found, started, and taken over. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { NewEvent } from '../../../src/application/log/event-log.js';
import { SharedNode, startEmbeddedEventStore } from '../../../src/infrastructure/embedded-eventstore/index.js';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { FailoverEventLog } from '../../../src/infrastructure/eventstore/failover.event-log.js';
import { bundled, startChild } from '../../support/child.js';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';
import { listen } from '../eventstore/event-log.contract.js';

const program = bundled(new URL('../../../dist/infrastructure/embedded-eventstore/main.js', import.meta.url));
const event = (): NewEvent => ({ id: randomUUID(), type: 'Happened', data: {}, metadata: {} });

let database: TestDatabase;
const closers: (() => Promise<unknown>)[] = [];
const share = async () => {
  const node = await SharedNode.open({ databaseUrl: database.url, lookMs: 50 });
  closers.push(() => node.close());
  return node;
};
const logOn = (node: SharedNode) => {
  const log = new FailoverEventLog(node, (url) => new EventStoreDbEventLog({ url, appendTimeoutMs: 1_000 }));
  closers.push(() => log.close());
  return log;
};

beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await database.drop();
});

test('of several instances that come at once one starts the node, and all find it', async () => {
  const nodes = await Promise.all([share(), share(), share()]);
  await eventually(() => new Set(nodes.map(({ url }) => url)).size === 1);
  const log = logOn(nodes[2]);
  await log.append('s', [event()], 'none');
  expect((await logOn(nodes[0]).read('s')).revision).toBe(0n);
});

test('when its owner leaves, another takes the node over: reads wait, appends go on, subscribers miss nothing', async () => {
  const first = await share();
  const second = await share();
  const log = logOn(second);
  const heard = listen(log, 's', 'start');
  await log.append('s', [event()], 'none');
  await eventually(() => heard.events().length === 1);
  await first.close();
  expect((await log.read('s')).revision).toBe(0n);
  expect(second.url).not.toBe(first.url);
  await log.append('s', [event()], 0n);
  const again = listen(log, 's', 'start');
  await eventually(() => again.events().length === 2);
  await Promise.all([heard.stop().catch(() => undefined), again.stop()]);
});

test('a node that stands still is replaced, and when it goes on it neither writes nor serves', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'shared-node-'));
  closers.push(() => rm(dataDir, { recursive: true }));
  const child = startChild(program, [], { DATABASE_URL: database.url, PORT: '0', DATA_DIR: dataDir });
  const [, file = ''] = await child.printed(/EVENTSTORE_URL="\$\(cat '([^']+)'\)"/);
  const old = (await readFile(file, 'utf8')).trim();
  const node = await share();
  expect(node.url).toBe(old);
  const log = logOn(node);
  await log.append('s', [event()], 'none');
  child.process.kill('SIGSTOP');
  await eventually(() => node.url !== old, { deadlineMs: 20_000 });
  await log.append('s', [event()], 0n);
  child.process.kill('SIGCONT');
  const late = new EventStoreDbEventLog({ url: old, appendTimeoutMs: 1_000 });
  await expect(late.append('s', [event()], 1n)).rejects.toThrow();
  await late.close();
  await eventually(() => child.process.exitCode !== null);
  expect(child.process.exitCode).toBe(1);
  expect((await log.read('s')).revision).toBe(1n);
}, 40_000);

test('the database ends the session of a node: it goes on where no other has come', async () => {
  const node = await share();
  const { url } = node;
  const log = logOn(node);
  await log.append('s', [event()], 'none');
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'embedded-eventstore writer' and datname = current_database()`,
  );
  await client.end();
  await log.append('s', [event()], 0n);
  expect(node.url).toBe(url);
});

test('a node that was taken over while its session was lost does not come back, though the lock is free', async () => {
  const first = await startEmbeddedEventStore({ databaseUrl: database.url, limits: { recoveryPauseMs: 500 } });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  // As another node does in the moment in which the first has no session.
  await client.query(`update eventstore.node set id = $1`, [randomUUID()]);
  await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'embedded-eventstore writer' and datname = current_database()`,
  );
  await client.end();
  expect((await first.failed).message).toMatch(/Another node/);
  await first.close();
});
