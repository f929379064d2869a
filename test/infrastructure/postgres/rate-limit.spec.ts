import { PostgresRateLimit } from '../../../src/infrastructure/postgres/access/postgres-rate-limit.js';
import { eventually } from '../../support/eventually.js';
import { openTables, type TestTables } from './read-tables.js';

let tables: TestTables;
beforeAll(async () => (tables = await openTables()));
afterAll(() => tables.close());
beforeEach(() => tables.dataSource.query('delete from rate_limits'));

const isAllowed = (waitMs: number) => waitMs === 0;

describe('a rate that instances agree on', () => {
  const instance = (allowed: number, name = 'starts') =>
    new PostgresRateLimit(tables.dataSource, { name, allowed, perSeconds: 60 });

  test('allows so many over all instances, also at once, and says when the window ends', async () => {
    const instances = [instance(20), instance(20)];
    const waits = await Promise.all(Array.from({ length: 50 }, (_, index) => instances[index % 2]!.take('ann')));
    expect(waits.filter(isAllowed)).toHaveLength(20);
    const refused = waits.filter((waitMs) => !isAllowed(waitMs));
    for (const waitMs of refused) expect([waitMs > 50_000, waitMs <= 60_000]).toEqual([true, true]);
  });

  test('is each key’s own, and each name’s', async () => {
    const [starts, others] = [instance(1), instance(1, 'others')];
    expect(await starts.take('ann')).toBe(0);
    expect(await starts.take('ann')).toBeGreaterThan(0);
    expect([await starts.take('bob'), await others.take('ann')]).toEqual([0, 0]);
  });

  test('begins anew with the next window', async () => {
    const one = instance(1);
    await one.take('ann');
    await tables.dataSource.query('update rate_limits set expire = expire - 61000');
    expect([await one.take('ann'), isAllowed(await one.take('ann'))]).toEqual([0, false]);
  });

  test('forgets windows that have ended', async () => {
    for (const name of ['ann', 'bob', 'cid']) await instance(1).take(name);
    await tables.dataSource.query('update rate_limits set expire = expire - 61000');
    await instance(1).take('dan');
    await eventually(async () => {
      const rows: object[] = await tables.dataSource.query('select from rate_limits');
      return rows.length === 1;
    });
  });

  test('keeps nobody’s name, whatever it is', async () => {
    const name = `'); drop table rate_limits; --${'x'.repeat(10_000)}\0`;
    expect(await instance(1).take(name)).toBe(0);
    const rows: { key: string }[] = await tables.dataSource.query('select key from rate_limits');
    expect(rows).toEqual([{ key: expect.stringMatching(/^starts:[\w-]{43}$/) as unknown }]);
  });
});

describe('while the database does not count', () => {
  const waitsWith = async (query: () => Promise<unknown>, stepMs = 0) => {
    let [asked, time] = [0, 0];
    const now = () => time;
    const counted = (text: string) => {
      if (text.includes('INSERT')) asked += 1;
      return query() as never;
    };
    const limit = new PostgresRateLimit(
      { query: counted },
      { name: 'starts', allowed: 3, perSeconds: 60, answerMs: 20, now },
    );
    const waits: number[] = [];
    for (let turn = 0; turn < 5; turn++, time += stepMs) waits.push(await limit.take('ann'));
    return { allowed: waits.map(isAllowed), asked };
  };

  test('each instance counts for itself, and asks again after a rest', async () => {
    const away = () => Promise.reject(new Error('ECONNREFUSED'));
    const allowed = [true, true, true, false, false];
    expect(await waitsWith(away)).toEqual({ allowed, asked: 1 });
    expect(await waitsWith(away, 600)).toEqual({ allowed, asked: 3 });
  });

  test('nobody waits for an answer that does not come', async () => {
    const before = performance.now();
    const silent = () => new Promise<never>(() => undefined);
    expect(await waitsWith(silent)).toEqual({ allowed: [true, true, true, false, false], asked: 1 });
    expect(performance.now() - before).toBeLessThan(500);
  });
});
