import { createHash } from 'node:crypto';
import { installationSecret } from '../../../src/infrastructure/postgres/data-source.js';
import { PostgresArtifactStore } from '../../../src/infrastructure/postgres/workflow/postgres-artifact-store.js';
import {
  PostgresDueExecutions,
  PostgresWorkers,
} from '../../../src/infrastructure/postgres/workflow/postgres-workers.js';
import {
  PostgresWaitingExecutions,
  WAITING,
} from '../../../src/infrastructure/postgres/queries/postgres-read-model.js';
import { empty, openTables, type TestTables } from './read-tables.js';

let tables: TestTables;
beforeAll(async () => (tables = await openTables()));
afterAll(() => tables.close());
beforeEach(() => empty(tables.dataSource));

describe('artifacts', () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, index) => index % 256);
  const sha256 = createHash('sha256').update(bytes).digest('hex');

  test('come back byte for byte under their hash', async () => {
    const store = new PostgresArtifactStore(tables.dataSource);
    expect(await store.put(bytes, 'application/pdf')).toEqual({ sha256, bytes: 300 });
    const found = await store.get(sha256);
    expect(Buffer.from(found!.content).equals(bytes)).toBe(true);
    expect(found?.contentType).toBe('application/pdf');
    expect(await store.get('0'.repeat(64))).toBeNull();
  });

  test('a view on a part of a buffer is that part only; nothing at all is an artifact too', async () => {
    const store = new PostgresArtifactStore(tables.dataSource);
    const part = await store.put(bytes.subarray(10, 20), 'text/plain');
    expect(Buffer.from((await store.get(part.sha256))!.content)).toEqual(Buffer.from(bytes.slice(10, 20)));
    const none = await store.put(new Uint8Array(), 'text/plain');
    expect((await store.get(none.sha256))?.content).toHaveLength(0);
  });

  test('the same bytes are stored once, also when many store them at a time', async () => {
    const store = new PostgresArtifactStore(tables.dataSource);
    await Promise.all(Array.from({ length: 10 }, () => store.put(bytes, 'application/pdf')));
    expect(await tables.dataSource.query('select sha256 from artifacts')).toEqual([{ sha256 }]);
  });

  test('altered bytes are put right by the same bytes, and the store reports that', async () => {
    const store = new PostgresArtifactStore(tables.dataSource);
    await store.put(bytes, 'application/pdf');
    await tables.dataSource.query(`update artifacts set content = 'other'`);
    expect(await store.digestOf(sha256)).toBe(createHash('sha256').update('other').digest('hex'));
    expect(await store.put(bytes, 'text/plain')).toEqual({ sha256, bytes: 300, mended: true });
    expect(await store.digestOf(sha256)).toBe(sha256);
    expect((await store.get(sha256))?.contentType).toBe('application/pdf');
  });

  test('the hash of what is stored is made of parts, of as many as there are', async () => {
    const store = new PostgresArtifactStore(tables.dataSource);
    for (const size of [0, 4 * 1024 * 1024, 4 * 1024 * 1024 + 1]) {
      const stored = await store.put(Buffer.alloc(size, 7), 'application/octet-stream');
      expect(await store.digestOf(stored.sha256)).toBe(stored.sha256);
    }
    expect(await store.digestOf('0'.repeat(64))).toBeNull();
  });

  test('too many bytes are refused by name', async () => {
    const store = new PostgresArtifactStore(tables.dataSource, 299);
    await expect(store.put(bytes, 'application/pdf')).rejects.toThrow('Artifact of 300 bytes: expected at most 299');
    expect(await tables.dataSource.query('select sha256 from artifacts')).toEqual([]);
  });
});

describe('the secret of an installation', () => {
  test('is made once, by whoever is first, and differs from one end to another', async () => {
    const made = await Promise.all(Array.from({ length: 5 }, () => installationSecret(tables.dataSource, 'tokens')));
    expect(new Set(made.map((secret) => secret.toString('hex'))).size).toBe(1);
    expect(made[0]).toHaveLength(32);
    expect((await installationSecret(tables.dataSource, 'others')).equals(made[0]!)).toBe(false);
  });
});

describe('workers', () => {
  const silentFor = (worker: string, interval: string) =>
    tables.dataSource.query('update workers set heartbeat_at = now() - $2::interval where id = $1', [worker, interval]);

  test('are alive from a beat to the timeout, or until they leave', async () => {
    const workers = new PostgresWorkers(tables.dataSource, 15_000);
    await Promise.all(['w1', 'w2', 'w3', 'w1'].map((worker) => workers.beat(worker)));
    await silentFor('w1', '14 seconds');
    await silentFor('w2', '16 seconds');
    expect(await workers.alive()).toEqual(new Set(['w1', 'w3']));
    await workers.beat('w2');
    await workers.leave('w3');
    await workers.leave('never here');
    expect(await workers.alive()).toEqual(new Set(['w1', 'w2']));
  });

  test('are forgotten after a day, and may come back', async () => {
    const workers = new PostgresWorkers(tables.dataSource, 15_000);
    await workers.beat('old');
    await workers.beat('recent');
    await silentFor('old', '25 hours');
    await silentFor('recent', '23 hours');
    await workers.beat('w1');
    const rows: { id: string }[] = await tables.dataSource.query('select id from workers order by id');
    expect(rows.map(({ id }) => id)).toEqual(['recent', 'w1']);
    await workers.beat('recent');
    await silentFor('recent', '25 hours');
    await workers.beat('recent');
    expect(await workers.alive()).toEqual(new Set(['recent', 'w1']));
  });
});

describe('executions', () => {
  const now = new Date('2030-01-01T00:00:00.000Z');
  const idOf = (n: number) => `22222222-2222-4222-8222-${String(n).padStart(12, '0')}`;
  const dueOf = (n: number) => ({ executionId: idOf(n), revision: BigInt(n) });
  const add = (n: number, next: string | null, worker: string | null = null) =>
    tables.dataSource.query(
      `insert into workflow_executions
       values ($1, 'p', 'ib', 'w', 'h', null, true, 's', null, null, 0, null, null, null, '{}', '{}',
         now(), null, now(), null, $2, $3, $4, 0)`,
      [idOf(n), next, worker, n],
    );

  test('are those whose time has come, and those whose worker is gone, these first; then longest due first', async () => {
    const due = new PostgresDueExecutions(tables.dataSource);
    await add(1, '2029-12-31T23:59:59.999Z');
    await add(2, '2030-01-01T00:00:00.000Z');
    await add(3, '2030-01-01T00:00:00.001Z');
    await add(4, null);
    await add(5, '2030-01-01T00:10:00.000Z', 'gone');
    await add(6, '2030-01-01T00:05:00.000Z', 'w1');
    await add(7, '2029-12-31T00:00:00.000Z', 'w1');
    expect(await due.find(now, new Set(['w1', 'w2']), 10)).toEqual([5, 7, 1, 2].map(dueOf));
    expect(await due.find(now, new Set(), 10)).toEqual([7, 6, 5, 1, 2].map(dueOf));
    expect(await due.find(now, new Set(['w1', 'w2']), 2)).toEqual([5, 7].map(dueOf));
  });

  test('that stay due keep no other from being found: calls in a row come round to all', async () => {
    const due = new PostgresDueExecutions(tables.dataSource);
    for (let n = 1; n <= 5; n++) await add(n, '2029-12-31T00:00:00.000Z');
    const next = () => due.find(now, new Set(['w1']), 2);
    expect([await next(), await next(), await next()]).toEqual([[1, 2].map(dueOf), [3, 4].map(dueOf), [dueOf(5)]]);
    await add(6, '2029-12-30T00:00:00.000Z');
    await add(7, '2030-01-01T00:10:00.000Z', 'gone');
    expect([await next(), await next()]).toEqual([[7, 6].map(dueOf), [7, 1].map(dueOf)]);
  });

  test('that wait to be run are counted up to the limit, by the partial index', async () => {
    const waiting = new PostgresWaitingExecutions(tables.dataSource);
    expect(await waiting.count(now, 10)).toBe(0);
    for (let n = 1; n <= 5; n++) await add(n, '2029-12-31T00:00:00.000Z');
    await add(6, '2030-01-01T00:00:00.001Z');
    await add(7, null);
    await add(8, '2029-12-31T00:00:00.000Z', 'w1');
    expect([await waiting.count(now, 10), await waiting.count(now, 3)]).toEqual([5, 3]);
    const plan = await tables.dataSource.transaction(async (manager) => {
      await manager.query('set local enable_seqscan = off');
      return manager.query(`explain ${WAITING.replace('$1', 'now()').replace('$2', '10')}`);
    });
    expect(JSON.stringify(plan)).toContain('workflow_executions_due');
  });

  test('a worker is a name, whatever it looks like', async () => {
    const due = new PostgresDueExecutions(tables.dataSource);
    const odd = `a"b,{c}' or true --`;
    await add(1, '2030-01-01T00:10:00.000Z', odd);
    expect(await due.find(now, new Set([odd]), 10)).toEqual([]);
    expect(await due.find(now, new Set(['x']), 10)).toEqual([dueOf(1)]);
  });

  test('are found by the partial index', async () => {
    const plan = await tables.dataSource.transaction(async (manager) => {
      await manager.query('set local enable_seqscan = off');
      return manager.query(
        `explain select id from workflow_executions where next_action_at is not null
         and (next_action_at <= now() or worker <> all('{w1}')) order by next_action_at, id limit 10`,
      );
    });
    expect(JSON.stringify(plan)).toContain('workflow_executions_due');
  });
});
