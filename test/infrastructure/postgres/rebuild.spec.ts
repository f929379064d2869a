import fc from 'fast-check';
import { sleep } from '../../../src/application/runtime/clock.js';
import type { CommandContext } from '../../../src/application/log/envelope.js';
import { onFailpoint, type Failpoint } from '../../../src/application/runtime/failpoint.js';
import { projections } from '../../../src/application/projections/index.js';
import { Rebuilder, DEFAULT_REBUILDER_LIMITS } from '../../../src/application/rebuild/rebuilder.js';
import { Rebuilds } from '../../../src/application/rebuild/rebuilds.js';
import { PostgresProjectionStore } from '../../../src/infrastructure/postgres/projections/postgres-projection-store.js';
import { PostgresReadModel } from '../../../src/infrastructure/postgres/queries/postgres-read-model.js';
import { DEFAULT_REBUILD_STORE_LIMITS } from '../../../src/infrastructure/postgres/rebuild/postgres-rebuild-session.js';
import { PostgresRebuildStore } from '../../../src/infrastructure/postgres/rebuild/postgres-rebuild-store.js';
import { SystemClock, SystemIds } from '../../../src/infrastructure/system/clock-and-ids.js';
import { moves, playMoves } from '../../application/projections/random-history.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { catchUp, empty, openTables, rowsOf, runnerOf, type TestTables } from './read-tables.js';
import { eventually } from '../../support/eventually.js';

const [clock, ids] = [new SystemClock(), new SystemIds()];
let tables: TestTables;
let store: PostgresProjectionStore;
let rebuildStore: PostgresRebuildStore;
beforeAll(async () => {
  tables = await openTables(true);
  store = new PostgresProjectionStore(tables.dataSource);
  rebuildStore = new PostgresRebuildStore(tables.dataSource, store, clock);
});
afterAll(() => tables.close());
beforeEach(() => clean());
afterEach(() => onFailpoint(null));

const clean = async () => {
  for (const area of ['shadow', 'previous'])
    await tables.dataSource.query(`drop schema if exists public_${area} cascade`);
  await empty(tables.dataSource);
};

const names = projections.map(({ table }) => table);
const NEVER = new AbortController().signal;

const asked = (reason: string | null = null): CommandContext => ({
  commandId: ids.uuid(),
  at: clock.now(),
  actor: { type: 'user', id: 'ann' },
  reason,
  causationId: null,
  traceparent: null,
});

const world = (log: InMemoryEventLog, batch = 7, used = rebuildStore) => {
  const errors: string[] = [];
  const rebuilds = new Rebuilds({ log, clock, store: used }, projections);
  const ports = { store: used, rebuilds, log, clock, ids };
  const onError = (message: string, error: unknown) => void errors.push(`${message}: ${String(error)}`);
  const rebuilder = new Rebuilder(ports, projections, { ...DEFAULT_REBUILDER_LIMITS, batch, everyMs: 20 }, onError);
  return { rebuilds, rebuilder, errors };
};

const aHistory = (seed: number) => playMoves(fc.sample(moves, { seed, numRuns: 1 })[0]!);
const schemas = async (): Promise<string[]> => {
  const rows: { name: string }[] = await tables.dataSource.query(
    `select nspname as name from pg_namespace where nspname like 'public\\_%' order by 1`,
  );
  return rows.map(({ name }) => name);
};
const indexes = async () =>
  tables.dataSource.query(
    `select tablename, indexname, indexdef from pg_indexes where schemaname = 'public' order by 1, 2`,
  );
const checkpointsOf = async () => [...(await store.checkpoints())].sort();

test('whatever the history, a rebuild of all tables has no difference, and stands in their place', async () => {
  await fc.assert(
    fc.asyncProperty(moves, fc.integer({ min: 1, max: 40 }), async (played, batch) => {
      await clean();
      const log = await playMoves(played);
      await catchUp(log, tables.dataSource);
      const [rows, checkpoints, shape] = [await rowsOf(tables.dataSource), await checkpointsOf(), await indexes()];
      const { rebuilds, rebuilder } = world(log, batch);
      for (const name of names) await rebuilds.request(name, { require: 'zero-diff' }, asked());
      expect(await rebuilder.work(NEVER)).toBe(true);
      expect(await rowsOf(tables.dataSource)).toEqual(rows);
      expect(await checkpointsOf()).toEqual(checkpoints);
      expect(await indexes()).toEqual(shape);
      for (const name of names) {
        const { rebuild, previous, live, building } = await rebuilds.view(name);
        expect(rebuild).toMatchObject({ phase: 'swapped', comparison: { added: 0, removed: 0, changed: 0 } });
        expect(rebuild?.comparison?.live).toBe(rows[name]!.length);
        // Where nothing was ever projected there is no checkpoint to say so.
        if (checkpoints.length > 0) expect(live?.rebuildId).toBe(rebuild!.id);
        expect([previous, building]).toEqual([true, null]);
      }
      expect(await schemas()).toEqual(['public_previous']);
    }),
    { numRuns: 6 },
  );
});

describe('a live table that is not what the log says', () => {
  const spoil = async (log: InMemoryEventLog) => {
    await catchUp(log, tables.dataSource);
    const right = await rowsOf(tables.dataSource);
    const { dataSource } = tables;
    await dataSource.query(`update workflow_steps set worker = 'nobody', attempt = attempt + 1
      where id = (select id from workflow_steps order by id limit 1)`);
    await dataSource.query('delete from workflow_steps where id = (select max(id::text)::uuid from workflow_steps)');
    await dataSource.query(`insert into workflow_steps select (jsonb_populate_record(s, jsonb_build_object(
      'id', '00000000-0000-4000-8000-000000000000'))).* from workflow_steps s limit 1`);
    return right;
  };

  test('is found, row by row, and stays live until an operator approves; then it can be had back', async () => {
    const log = await aHistory(3);
    const right = await spoil(log);
    const wrong = await rowsOf(tables.dataSource);
    const { rebuilds, rebuilder } = world(log);
    await rebuilds.request('workflow_steps', { require: 'zero-diff' }, asked());
    await rebuilder.work(NEVER);
    const refused = (await rebuilds.view('workflow_steps')).rebuild!;
    expect(refused.phase).toBe('refused');
    expect(refused.comparison).toMatchObject({ added: 1, removed: 1, changed: 1 });
    expect(refused.comparison!.samples.find(({ kind }) => kind === 'changed')!.columns.map(({ name }) => name)).toEqual(
      ['attempt', 'worker'],
    );
    expect(refused.comparison!.samples.find(({ kind }) => kind === 'removed')!.key).toEqual({
      id: '00000000-0000-4000-8000-000000000000',
    });
    await rebuilder.work(NEVER);
    expect(await rowsOf(tables.dataSource)).toEqual(wrong);

    await rebuilds.approve('workflow_steps', refused.id, asked('the table was edited by hand'));
    await rebuilder.work(NEVER);
    expect(await rowsOf(tables.dataSource)).toEqual(right);
    expect((await rebuilds.view('workflow_steps')).rebuild).toMatchObject({
      phase: 'swapped',
      approvedBy: { actor: { id: 'ann' }, reason: 'the table was edited by hand' },
    });

    await rebuilds.rollback('workflow_steps', asked('not yet'));
    await rebuilder.work(NEVER);
    expect(await rowsOf(tables.dataSource)).toEqual(wrong);
    expect(await rebuilds.view('workflow_steps')).toMatchObject({ rebuild: { phase: 'rolled_back' }, previous: false });
    expect(await schemas()).toEqual([]);
  });

  test('is replaced at once where no equality is asked for', async () => {
    const log = await aHistory(3);
    const right = await spoil(log);
    const { rebuilds, rebuilder } = world(log);
    await rebuilds.request('workflow_steps', { require: 'none' }, asked());
    await rebuilder.work(NEVER);
    expect(await rowsOf(tables.dataSource)).toEqual(right);
    await rebuilds.dropPrevious('workflow_steps', asked());
    await rebuilder.work(NEVER);
    expect(await schemas()).toEqual([]);
  });

  test('stays as it is where the rebuild is abandoned, and nothing is left of that', async () => {
    const log = await aHistory(3);
    await spoil(log);
    const wrong = await rowsOf(tables.dataSource);
    const { rebuilds, rebuilder } = world(log);
    const { rebuild } = await rebuilds.request('workflow_steps', { require: 'zero-diff' }, asked());
    await rebuilder.work(NEVER);
    await rebuilds.abandon('workflow_steps', rebuild!.id, asked('a false alarm'));
    await rebuilder.work(NEVER);
    expect(await rowsOf(tables.dataSource)).toEqual(wrong);
    expect(await schemas()).toEqual([]);
  });
});

test('a swap that waits for a client that reads ends when the builder stops, and the next builder makes it', async () => {
  const log = await aHistory(3);
  await catchUp(log, tables.dataSource);
  const reader = tables.dataSource.createQueryRunner();
  await reader.query('begin');
  await reader.query('select from workflow_steps limit 1');
  const { rebuilds, rebuilder } = world(log);
  await rebuilds.request('workflow_steps', { require: 'zero-diff' }, asked());
  const ending = new AbortController();
  const working = rebuilder.work(ending.signal);
  const waits = `select from pg_stat_activity where wait_event_type = 'Lock' and query like 'lock table%'`;
  await eventually(async () => expect(await tables.dataSource.query(waits)).toHaveLength(1));
  ending.abort();
  await working;
  expect((await rebuilds.view('workflow_steps')).rebuild?.phase).toBe('accepted');
  await reader.query('commit');
  await reader.release();
  await rebuilder.work(NEVER);
  expect((await rebuilds.view('workflow_steps')).rebuild?.phase).toBe('swapped');
}, 9_000);

test('while a vacuum is at a table, its swap waits, and with it nobody who reads or writes', async () => {
  const log = await aHistory(3);
  await catchUp(log, tables.dataSource);
  const [vacuum, other] = [tables.dataSource.createQueryRunner(), tables.dataSource.createQueryRunner()];
  await vacuum.query('begin');
  await vacuum.query('lock table workflow_steps in share update exclusive mode');
  const { rebuilds, rebuilder } = world(log);
  await rebuilds.request('workflow_steps', { require: 'zero-diff' }, asked());
  const working = rebuilder.work(NEVER);
  const waits = `select mode from pg_locks where not granted and relation = 'workflow_steps'::regclass`;
  await eventually(async () => expect(await tables.dataSource.query(waits)).toHaveLength(1));
  await other.query(`set lock_timeout = '1ms'`);
  await other.query('select from workflow_steps limit 1');
  await other.query('update workflow_steps set worker = worker');
  await other.query('reset lock_timeout');
  const lead = await store.tryLead();
  expect(lead).not.toBeNull();
  await lead?.close();
  await vacuum.query('commit');
  await Promise.all([vacuum.release(), other.release()]);
  await working;
  expect((await rebuilds.view('workflow_steps')).rebuild?.phase).toBe('swapped');
}, 20_000);

test('goes on under traffic: nothing is lost, no reader fails, no checkpoint moves back', async () => {
  const log = await aHistory(3);
  const stream = log.eventAt(0).stream;
  const runner = runnerOf(log, store, { limits: { leadPauseMs: 5 } });
  runner.start();
  const { rebuilds, rebuilder, errors } = world(log, 50);
  rebuilder.start();
  const count = async () => Number((await tables.dataSource.query('select count(*) from workflow_events'))[0].count);
  const written = async () => log.length - (await log.read('projection-workflow_events')).events.length;
  const model = new PostgresReadModel(tables.dataSource);
  const execution = stream.slice('workflow-'.length);
  const over = new AbortController();
  const failed: string[] = [];
  const positions: bigint[] = [];
  const read = async () => {
    while (!over.signal.aborted) {
      const page = model.overview(execution, { steps: true, events: { limit: 5 } });
      await page.catch((error: unknown) => failed.push(String(error)));
      positions.push((await store.checkpoints()).get('workflow_executions')?.position ?? 0n);
      await sleep(clock, 5);
    }
  };
  const reading = [read(), read()];
  const write = async () => {
    let { revision } = await log.read(stream);
    while (!over.signal.aborted) {
      const one = { id: ids.uuid(), type: 'OfAnotherVersion', data: {}, metadata: {} };
      revision = (await log.append(stream, [one], revision)).revision;
      await sleep(clock, 5);
    }
  };
  const writing = write();
  try {
    for (let round = 0; round < 3; round++) {
      await rebuilds.request('workflow_events', { require: 'zero-diff' }, asked());
      await eventually(async () => (await rebuilds.view('workflow_events')).rebuild?.phase === 'swapped');
    }
  } finally {
    over.abort();
    await Promise.all([...reading, writing]);
    await rebuilder.stop();
    await eventually(async () => (await count()) === (await written())).finally(() => runner.stop());
  }
  expect(await count()).toBe(await written());
  expect(failed).toEqual([]);
  expect(errors).toEqual([]);
  expect(positions.every((position, index) => index < 2 || position >= positions[index - 2]!)).toBe(true);
});

describe('a builder that dies when most is built in bulk', () => {
  /** What it has to take event by event. */
  const more = async (log: InMemoryEventLog) => {
    const { stream } = log.eventAt(0);
    const events = Array.from({ length: 20 }, () => ({
      id: ids.uuid(),
      type: 'OfAnotherVersion',
      data: {},
      metadata: {},
    }));
    await log.append(stream, events, (await log.read(stream)).revision);
  };
  const places: readonly (readonly [Failpoint, number])[] = [
    ['before-checkpoint', 1],
    ['inside-a-batch', 2],
    ['before-commit', 3],
    ['after-commit', 3],
    ['before-swap', 1],
    ['after-swap', 1],
  ];

  test.each(places)('at %s, the %i. time, leaves it to the next one', async (name, nth) => {
    const log = await aHistory(11);
    await catchUp(log, tables.dataSource);
    const { rebuilds, rebuilder } = world(log, 5);
    for (const table of names) await rebuilds.request(table, { require: 'zero-diff' }, asked());
    // Whatever it does from there on fails, as nothing reaches the database from the dead.
    const dies = async (place: Failpoint, times: number) => {
      let left = times;
      onFailpoint((at) => {
        if ((at === place && --left <= 0) || left <= 0) throw new Error('killed');
      });
      await expect(rebuilder.work(NEVER)).rejects.toThrow('killed');
      onFailpoint(null);
    };
    await dies('bulk-finished', 1);
    await more(log);
    await catchUp(log, tables.dataSource);
    const rows = await rowsOf(tables.dataSource);
    await dies(name, nth);
    await world(log, 5).rebuilder.work(NEVER);
    expect(await rowsOf(tables.dataSource)).toEqual(rows);
    for (const table of names) expect((await rebuilds.view(table)).rebuild?.phase).toBe('swapped');
    expect(await schemas()).toEqual(['public_previous']);
  });
});

test('a builder that stands still in the swap keeps readers out no longer than it may, and swaps nothing late', async () => {
  const log = await aHistory(11);
  await catchUp(log, tables.dataSource);
  const rows = await rowsOf(tables.dataSource);
  const impatient = { ...DEFAULT_REBUILD_STORE_LIMITS, silenceMs: 200 };
  const { rebuilds, rebuilder } = world(log, 5, new PostgresRebuildStore(tables.dataSource, store, clock, impatient));
  for (const table of names) await rebuilds.request(table, { require: 'zero-diff' }, asked());
  let hasStood = false;
  onFailpoint((at) => {
    if (at !== 'before-swap' || hasStood) return;
    hasStood = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
  });
  await expect(rebuilder.work(NEVER)).rejects.toThrow();
  expect([hasStood, await schemas()]).toEqual([true, ['public_shadow']]);
  await world(log, 5).rebuilder.work(NEVER);
  expect(await rowsOf(tables.dataSource)).toEqual(rows);
  for (const table of names) expect((await rebuilds.view(table)).rebuild?.phase).toBe('swapped');
});

test('what stands on a table stands on the one that takes its place: privileges, policies, publication, triggers', async () => {
  const { dataSource } = tables;
  const log = await aHistory(13);
  await catchUp(log, dataSource);
  const role = `reader_${ids.uuid().slice(0, 8)}`;
  await dataSource.query(`create role ${role}`);
  const name = 'workflow_executions';
  await dataSource.query(`grant select on ${name} to ${role}`);
  await dataSource.query(`alter table ${name} enable row level security, force row level security`);
  await dataSource.query(
    `create policy "may read" on ${name} as permissive for select to ${role} using (project_id <> 'secret')`,
  );
  await dataSource.query(`alter table ${name} replica identity full`);
  await dataSource.query(`create publication realtime for table ${name}`);
  await dataSource.query(`create function told() returns trigger language plpgsql as $$ begin return null; end $$`);
  await dataSource.query(`create trigger tell after insert or update on ${name} for each row execute function told()`);
  const facts = async () => [
    await dataSource.query(
      `select relacl::text, relrowsecurity, relforcerowsecurity, relreplident from pg_class where oid = '${name}'::regclass`,
    ),
    await dataSource.query(
      `select policyname, permissive, roles::text, cmd, qual, with_check from pg_policies where schemaname = 'public' and tablename = '${name}'`,
    ),
    await dataSource.query(
      `select tgname, tgtype, tgenabled from pg_trigger where tgrelid = '${name}'::regclass and not tgisinternal`,
    ),
    await dataSource.query(`select schemaname, tablename from pg_publication_tables where pubname = 'realtime'`),
  ];
  const before = await facts();
  const { rebuilds, rebuilder } = world(log);
  try {
    await rebuilds.request(name, { require: 'zero-diff' }, asked());
    await rebuilder.work(NEVER);
    expect((await rebuilds.view(name)).rebuild?.phase).toBe('swapped');
    expect(await facts()).toEqual(before);
    await rebuilds.rollback(name, asked());
    await rebuilder.work(NEVER);
    expect(await facts()).toEqual(before);
  } finally {
    await dataSource.query(`drop publication realtime`);
    await dataSource.query(`drop trigger tell on ${name}`);
    await dataSource.query(`drop function told`);
    await dataSource.query(`drop policy "may read" on ${name}`);
    await dataSource.query(
      `alter table ${name} disable row level security, no force row level security, replica identity default`,
    );
    await dataSource.query(`drop owned by ${role}`);
    await dataSource.query(`drop role ${role}`);
  }
});

test('of two instances one builds, and the other leaves it alone', async () => {
  const log = await aHistory(17);
  await catchUp(log, tables.dataSource);
  const [one, other] = [world(log), world(log)];
  await one.rebuilds.request('workflow_events', { require: 'zero-diff' }, asked());
  const session = await rebuildStore.tryBuild();
  expect(await other.rebuilder.work(NEVER)).toBe(false);
  await session!.close();
  await eventually(async () => {
    await Promise.all([one.rebuilder.work(NEVER), other.rebuilder.work(NEVER)]);
    return (await other.rebuilds.view('workflow_events')).rebuild?.phase === 'swapped';
  });
});

test('a second rebuild of a table that is being rebuilt is refused, the same request again is not', async () => {
  const log = await aHistory(19);
  await catchUp(log, tables.dataSource);
  const { rebuilds } = world(log);
  const context = asked();
  const first = await rebuilds.request('workflow_events', { require: 'zero-diff' }, context);
  expect(await rebuilds.request('workflow_events', { require: 'zero-diff' }, context)).toEqual(first);
  await expect(rebuilds.request('workflow_events', { require: 'none' }, asked())).rejects.toThrow(
    'Cannot rebuild while the rebuild is building. Allowed now: abandon.',
  );
  await expect(rebuilds.request('nonsense', { require: 'none' }, asked())).rejects.toThrow('There is no projection');
});
