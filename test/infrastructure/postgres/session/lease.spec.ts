/** What every lease of this application promises, on a real Postgres: of the leaders, and of the instance that rebuilds. */
import type { DataSource } from 'typeorm';
import type { Lease } from '../../../../src/application/runtime/leadership.js';
import { PostgresAuditTree } from '../../../../src/infrastructure/postgres/audit/postgres-audit-tree.js';
import { createDataSource } from '../../../../src/infrastructure/postgres/data-source.js';
import { PostgresProjectionStore } from '../../../../src/infrastructure/postgres/projections/postgres-projection-store.js';
import { DEFAULT_REBUILD_STORE_LIMITS } from '../../../../src/infrastructure/postgres/rebuild/postgres-rebuild-session.js';
import { PostgresRebuildStore } from '../../../../src/infrastructure/postgres/rebuild/postgres-rebuild-store.js';
import { tryLease } from '../../../../src/infrastructure/postgres/session/lease.js';
import { PostgresWebhookQueue } from '../../../../src/infrastructure/postgres/webhooks/postgres-webhook-queue.js';
import { SystemClock } from '../../../../src/infrastructure/system/clock-and-ids.js';
import { eventually } from '../../../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../../support/postgres.js';

let database: TestDatabase;
let dataSource: DataSource;
beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await createDataSource({ url: database.url, poolSize: 2 });
});
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

type Open = () => Promise<Lease | null>;
const LIMITS = { connectTimeoutMs: 10_000, statementTimeoutMs: 30_000, silenceMs: 8_000 };

const leases: readonly (readonly [string, number, string, Open])[] = [
  [
    ...(['the lead of the projections', 7205113003, 'workflow-executor-projections'] as const),
    () => new PostgresProjectionStore(dataSource, LIMITS).tryLead(),
  ],
  [
    ...(['the lead of the audit tree', 7205113081, 'workflow-executor-audit'] as const),
    () => new PostgresAuditTree(dataSource, LIMITS).tryLead(),
  ],
  [
    ...(['the lead of the webhooks', 7205113011, 'workflow-executor-webhooks'] as const),
    () => new PostgresWebhookQueue(dataSource, { ...LIMITS, queued: 10 }).tryLead(),
  ],
  [
    ...(['the right to rebuild', 7205113005, 'workflow-executor-rebuild'] as const),
    () => {
      const limits = { ...DEFAULT_REBUILD_STORE_LIMITS, ...LIMITS };
      const projections = new PostgresProjectionStore(dataSource, LIMITS);
      return new PostgresRebuildStore(dataSource, projections, new SystemClock(), limits).tryBuild();
    },
  ],
];

const KEY = '7205113999';
const open = (more: Partial<typeof LIMITS> = {}, mayBeSilent = false) =>
  tryLease(dataSource, { key: KEY, name: 'lease-of-a-test', mayBeSilent }, { ...LIMITS, ...more });

type Holder = Readonly<{ pid: number; application_name: string }>;
const holdersOf = (key: number | string): Promise<Holder[]> =>
  dataSource.query(
    `select pid, application_name from pg_locks join pg_stat_activity using (pid)
     where locktype = 'advisory' and granted and objsubid = 1 and datname = current_database()
       and (classid::bigint << 32) + objid::bigint = $1`,
    [key],
  );

describe.each(leases)('%s', (_what, key, name, openIt) => {
  test('belongs to one session, which holds the lock under its key and its name', async () => {
    const lease = (await openIt())!;
    expect(lease.lost.aborted).toBe(false);
    expect(await holdersOf(key)).toEqual([{ pid: expect.any(Number), application_name: name }]);
    expect(await openIt()).toBeNull();
    await lease.close();
  });

  test('is free for another session once it is closed, also when it is closed twice', async () => {
    const lease = (await openIt())!;
    await lease.close();
    await lease.close();
    expect(lease.lost.aborted).toBe(true);
    await eventually(async () => expect(await holdersOf(key)).toEqual([]));
    const next = await openIt();
    expect(next?.lost.aborted).toBe(false);
    await next?.close();
  });

  test('is lost when the database ends its connection, and another session gets it', async () => {
    const lease = (await openIt())!;
    const [holder] = await holdersOf(key);
    await dataSource.query('select pg_terminate_backend($1)', [holder!.pid]);
    await eventually(() => lease.lost.aborted);
    const next = await openIt();
    expect(next?.lost.aborted).toBe(false);
    await Promise.all([lease.close(), next?.close()]);
  });

  test('leaves no connection behind where another session has it', async () => {
    const lease = (await openIt())!;
    for (let turn = 0; turn < 3; turn++) expect(await openIt()).toBeNull();
    const connections = () =>
      dataSource.query(
        'select application_name from pg_stat_activity where datname = current_database() and application_name = $1',
        [name],
      );
    await eventually(async () => expect(await connections()).toHaveLength(1));
    await lease.close();
  });
});

test('a leader keeps its lease while it has nothing to do', async () => {
  const lease = (await open({ silenceMs: 400 }))!;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(lease.lost.aborted).toBe(false);
  await lease.close();
});

test('a leader that stands still inside a transaction loses its lease, and writes nothing', async () => {
  await dataSource.query('create table if not exists written (by text)');
  const lease = (await open({ silenceMs: 300 }))!;
  const stale = lease.inTurn(async (client) => {
    await client.query('begin');
    await client.query(`insert into written values ('a leader that stood still')`);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await client.query('commit');
  });
  await expect(stale).rejects.toThrow();
  expect(lease.lost.aborted).toBe(true);
  const next = (await open())!;
  await next.inTurn((client) => client.query(`insert into written values ('the next leader')`));
  expect(await dataSource.query('select * from written')).toEqual([{ by: 'the next leader' }]);
  await next.close();
});

test('a holder that may be silent is not ended by the database', async () => {
  const lease = (await open({ silenceMs: 300 }, true))!;
  await lease.inTurn(async (client) => {
    await client.query('begin');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await client.query('commit');
  });
  expect(lease.lost.aborted).toBe(false);
  await lease.close();
});

test('a leader whose lock is gone notices at its next sign of life', async () => {
  const lease = (await open({ silenceMs: 400 }))!;
  await lease.inTurn((client) => client.query('select pg_advisory_unlock($1)', [KEY]));
  await eventually(() => lease.lost.aborted);
  await lease.close();
});

test('the work of a lease is done one piece after the other, and a failed piece does not stop the next', async () => {
  const lease = (await open())!;
  const done: string[] = [];
  const slow = lease.inTurn(async (client) => {
    await client.query('select pg_sleep(0.1)');
    done.push('slow');
  });
  const failed = lease.inTurn(() => Promise.reject(new Error('no')));
  const last = lease.inTurn(async () => void done.push('last'));
  await Promise.all([slow, expect(failed).rejects.toThrow('no'), last]);
  expect(done).toEqual(['slow', 'last']);
  await lease.close();
});

test('a database that cannot be reached is an error, not a lease of another session', async () => {
  const away = await createDataSource({ url: database.url, poolSize: 1 });
  const options = { ...away.options, url: 'postgres://nobody@127.0.0.1:1/none' };
  const cut = Object.create(away, { options: { value: options } }) as DataSource;
  await expect(tryLease(cut, { key: KEY, name: 'lease-of-a-test' }, LIMITS)).rejects.toThrow();
  await away.destroy();
});
