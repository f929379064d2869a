/** A start that finds its servers away waits for them with one line, and then names the setting. */
import { EventStoreDbEventLog } from '../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { startEmbeddedEventStore } from '../../src/infrastructure/embedded-eventstore/index.js';
import { checkDatabase } from '../../src/infrastructure/postgres/check-database.js';
import { whileDatabaseIsAway, whileLogIsAway } from '../../src/infrastructure/system/while-away.js';
import { eventually } from '../support/eventually.js';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const noFault = () => Promise.resolve(undefined);
const NOWHERE = 'postgres://app:hunter2@127.0.0.1:1/x';

const waiting = (forMs: number, signal?: AbortSignal) => {
  const lines: string[] = [];
  return { lines, waits: { forMs, signal, warn: (line: string) => void lines.push(line) } };
};

describe('a database', () => {
  let database: TestDatabase;
  let proxy: FaultProxy;
  beforeAll(async () => {
    database = await createTestDatabase();
    proxy = await startFaultProxy({ port: Number(new URL(database.url).port) });
  });
  afterAll(async () => {
    await proxy.close();
    await database.drop();
  });

  test('that comes back is waited for, with one line', async () => {
    const url = new URL(database.url);
    url.port = String(proxy.port);
    const { lines, waits } = waiting(60_000);
    proxy.refuse();
    let tries = 0;
    const opened = whileDatabaseIsAway(waits, true, () => (tries++, checkDatabase(url.href)));
    await eventually(() => tries > 2);
    proxy.release();
    await opened;
    expect(lines).toEqual([expect.stringMatching(/^Waiting up to 60000 ms for the database of DATABASE_URL: .+/)]);
  });

  test('that stays away is named by its setting, without the password', async () => {
    const { lines, waits } = waiting(600);
    const failed: unknown = await whileDatabaseIsAway(waits, true, () => checkDatabase(NOWHERE)).catch(
      (e: unknown) => e,
    );
    const { message } = failed as Error;
    expect(message).toMatch(
      /^DATABASE_URL: expected a Postgres that answers within 600 ms \(START_WAIT_MS\), got: connect ECONNREFUSED/,
    );
    expect(message + lines.join()).not.toContain('hunter2');
    expect(lines).toHaveLength(1);
  });

  test('that refuses is not waited for', async () => {
    const { lines, waits } = waiting(60_000);
    const wrong = new URL(database.url);
    wrong.pathname = '/nobody-made-it';
    await expect(whileDatabaseIsAway(waits, true, () => checkDatabase(wrong.href))).rejects.toThrow(
      /^DATABASE_URL: expected a Postgres that can be used, got: database "nobody-made-it" does not exist/,
    );
    expect(lines).toEqual([]);
  });

  test('is no longer waited for when the start is ended', async () => {
    const ending = new AbortController();
    const { waits } = waiting(60_000, ending.signal);
    const opened = whileDatabaseIsAway(waits, true, () => checkDatabase(NOWHERE)).catch((reason: unknown) => reason);
    ending.abort('SIGTERM');
    expect(await opened).toBe('SIGTERM');
  });
});

describe('an event store', () => {
  test('that comes back is waited for, with one line', async () => {
    const database = await createTestDatabase();
    const node = await startEmbeddedEventStore({ databaseUrl: database.url });
    const proxy = await startFaultProxy({ port: Number(new URL(node.url).port) });
    const log = new EventStoreDbEventLog({ url: node.url.replace(/:\d+\?/, `:${proxy.port}?`), readTimeoutMs: 1_000 });
    const { lines, waits } = waiting(60_000);
    proxy.refuse();
    let tries = 0;
    const found = whileLogIsAway(waits, async () => void (tries++, await log.head()), noFault);
    await eventually(() => tries > 1);
    proxy.release();
    await found;
    expect(lines).toEqual([expect.stringMatching(/^Waiting up to 60000 ms for the event store of EVENTSTORE_URL: .+/)]);
    await log.close();
    await proxy.close();
    await node.close();
    await database.drop();
  });

  test('that stays away is named by its setting, without the password', async () => {
    const log = new EventStoreDbEventLog({ url: 'esdb://admin:hunter2@127.0.0.1:1?tls=false' });
    const { lines, waits } = waiting(600);
    const failed: unknown = await whileLogIsAway(waits, async () => void (await log.head()), noFault).catch(
      (error: unknown) => error,
    );
    expect((failed as Error).message).toMatch(
      /^EVENTSTORE_URL: expected an event store that answers within 600 ms \(START_WAIT_MS\), got: /,
    );
    expect((failed as Error).message + lines.join()).not.toContain('hunter2');
    await log.close();
  });
});
