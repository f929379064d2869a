/** Postgres behind a pooler: right where each connection is a session, refused by name where it is not. */
import pg from 'pg';
import { SystemClock } from '../../../src/infrastructure/system/clock-and-ids.js';
import { WriterSession } from '../../../src/infrastructure/embedded-eventstore/storage/storage.js';
import { startEmbeddedEventStore } from '../../../src/infrastructure/embedded-eventstore/index.js';
import { checkDatabase } from '../../../src/infrastructure/postgres/check-database.js';
import { createDataSource } from '../../../src/infrastructure/postgres/data-source.js';
import { PostgresAuditTree } from '../../../src/infrastructure/postgres/audit/postgres-audit-tree.js';
import { PostgresProjectionStore } from '../../../src/infrastructure/postgres/projections/postgres-projection-store.js';
import { PostgresRebuildStore } from '../../../src/infrastructure/postgres/rebuild/postgres-rebuild-store.js';
import { SessionsAreShared } from '../../../src/infrastructure/postgres/session/session-lock.js';
import { PostgresWebhookQueue } from '../../../src/infrastructure/postgres/webhooks/postgres-webhook-queue.js';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { eventually } from '../../support/eventually.js';
import { startFakePooler, type FakePooler, type PoolMode } from '../../support/fake-pooler.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';

let database: TestDatabase;
const poolers: FakePooler[] = [];
beforeEach(async () => (database = await createTestDatabase()));
afterEach(async () => {
  for (const pooler of poolers.splice(0)) await pooler.close();
  await database.drop();
});
const poolerIn = async (mode: PoolMode, most?: number) => {
  const pooler = await startFakePooler(database.url, mode, most);
  poolers.push(pooler);
  return pooler;
};

/** Other clients of the same pooler, who take the sessions that it has to give. */
const busy = async (url: string): Promise<() => Promise<void>> => {
  const clients = Array.from({ length: 3 }, () => new pg.Client({ connectionString: url }));
  let isOver = false;
  const work = async (client: pg.Client) => {
    await client.connect();
    while (!isOver) await client.query('select pg_sleep(random() * 0.01)');
    await client.end();
  };
  const done = Promise.all(clients.map(work));
  return async () => {
    isOver = true;
    await done;
  };
};

const LIMITS = { connectTimeoutMs: 10_000, statementTimeoutMs: 30_000, silenceMs: 800 };

describe('in transaction mode', () => {
  test.each([1, 2, 20])(
    'with %i sessions of its own, is refused in one sentence that says what to use',
    async (most) => {
      const { url } = await poolerIn('transaction', most);
      const refused: unknown = await checkDatabase(url).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(SessionsAreShared);
      expect((refused as Error).message).toMatch(/^DATABASE_URL: expected .* pooler in session mode$/);
      expect((refused as Error).message).not.toContain(new URL(url).password);
    },
  );

  test('the right to write is not given to two event nodes', async () => {
    const { url } = await poolerIn('transaction');
    const open = () => WriterSession.open(url, { silenceMs: 8_000 }, undefined, () => undefined);
    const first = await open();
    await expect(open()).rejects.toBeInstanceOf(SessionsAreShared);
    await first.close();
  });
});

describe('in session mode', () => {
  test('a pooler is accepted, and the application and the event node run through it', async () => {
    const { url } = await poolerIn('session');
    await checkDatabase(url);
    const dataSource = await createDataSource({ url, poolSize: 2, statementTimeoutMs: 12_345 });
    try {
      const [times] = await dataSource.query(
        `select current_setting('statement_timeout') as statement,
           current_setting('idle_in_transaction_session_timeout') as idle`,
      );
      expect(times).toEqual({ statement: '12345ms', idle: '12345ms' });
      const clock = new SystemClock();
      const projections = new PostgresProjectionStore(dataSource, LIMITS);
      const leads = [
        await projections.tryLead(),
        await new PostgresAuditTree(dataSource, LIMITS).tryLead(),
        await new PostgresWebhookQueue(dataSource, { ...LIMITS, queued: 10 }).tryLead(),
        await new PostgresRebuildStore(dataSource, projections, clock).tryBuild(),
      ];
      for (const session of leads) {
        expect(session?.lost.aborted).toBe(false);
        await session?.close();
      }
      const node = await startEmbeddedEventStore({ databaseUrl: url });
      const log = new EventStoreDbEventLog({ url: node.url });
      await log.append('stream', [{ id: NIL, type: 'Happened', data: {}, metadata: {} }], 'none');
      await log.close();
      await node.close();
    } finally {
      await dataSource.destroy();
    }
  });

  test('no instance leads once the pooler goes over to transactions', async () => {
    const pooler = await poolerIn('session', 12);
    const dataSource = await createDataSource({ url: pooler.url, poolSize: 2 });
    try {
      const projections = new PostgresProjectionStore(dataSource, LIMITS);
      const [audit, lead] = [await new PostgresAuditTree(dataSource, LIMITS).tryLead(), await projections.tryLead()];
      pooler.setMode('transaction');
      const rest = await busy(pooler.url);
      await eventually(() => audit!.lost.aborted && lead!.lost.aborted);
      await rest();
      // In a session of somebody else it sees that; in a new one, that the lock is not free.
      const again: unknown = await projections.tryLead().catch((error: unknown) => error);
      if (again !== null) expect(again).toBeInstanceOf(SessionsAreShared);
    } finally {
      await dataSource.destroy();
    }
  });

  test('the event node writes nothing once the pooler goes over to transactions', async () => {
    const pooler = await poolerIn('session');
    const said: string[] = [];
    const limits = { beatMs: 50, appendTimeoutMs: 500, closeMs: 500 };
    const node = await startEmbeddedEventStore({ databaseUrl: pooler.url, limits, log: (line) => said.push(line) });
    const log = new EventStoreDbEventLog({ url: node.url, appendTimeoutMs: 1_000 });
    pooler.setMode('transaction');
    const rest = await busy(pooler.url);
    await eventually(() => said.some((line) => line.startsWith('DATABASE_URL: expected connections')));
    await expect(
      log.append('stream', [{ id: NIL, type: 'Happened', data: {}, metadata: {} }], 'none'),
    ).rejects.toThrow();
    await rest();
    await log.close();
    await node.close();
  });
});

const NIL = '00000000-0000-4000-8000-000000000000';

test('a database of another encoding is refused by its name', async () => {
  const latin = await createTestDatabase(`encoding 'LATIN1' locale_provider libc locale 'C' template template0`);
  const name = new URL(latin.url).pathname.slice(1);
  await expect(checkDatabase(latin.url)).rejects.toThrow(
    new RegExp(`^DATABASE_URL: expected a database whose encoding is UTF8, got "${name}" with LATIN1`),
  );
  await latin.drop();
});
