import fc from 'fast-check';
import { projections } from '../../../src/application/projections/index.js';
import { readEvent } from '../../../src/application/projections/projection.js';
import { CHANNEL, LISTENERS } from '../../../src/infrastructure/postgres/live/announcement.js';
import type { PostgresProjectionSession } from '../../../src/infrastructure/postgres/projections/postgres-projection-session.js';
import { PostgresProjectionStore } from '../../../src/infrastructure/postgres/projections/postgres-projection-store.js';
import { PostgresReadModel } from '../../../src/infrastructure/postgres/queries/postgres-read-model.js';
import { ownClient } from '../../../src/infrastructure/postgres/session/pg-client.js';
import { tablesOf } from '../../application/projections/in-memory-tables.js';
import { EXECUTIONS, moves, playMoves, type Move } from '../../application/projections/random-history.js';
import { eventually } from '../../support/eventually.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { byText, catchUp, empty, historyOf, openTables, rowsOf, runnerOf, type TestTables } from './read-tables.js';

let tables: TestTables;
let store: PostgresProjectionStore;
beforeAll(async () => {
  tables = await openTables();
  store = new PostgresProjectionStore(tables.dataSource);
});
afterAll(() => tables.close());
beforeEach(() => empty(tables.dataSource));

const move = (execution: number, verb: Move['verb']): Move => ({
  execution,
  verb,
  waitMs: 1_000,
  errorType: 'transient',
  output: { [verb]: execution },
});
const aFew = ([0, 1, 2, 0, 1, 2, 0, 0, 2] as const).map((execution, index) =>
  move(execution, execution === 1 ? 'remaining' : index % 2 === 0 ? 'start' : 'complete'),
);

const expectTablesOf = async (log: InMemoryEventLog) => {
  const expected = [...tablesOf(await historyOf(log))].map(([table, rows]) => [table, [...rows].sort(byText)]);
  expect(await rowsOf(tables.dataSource)).toEqual(Object.fromEntries(expected));
};

const lastPosition = async (log: InMemoryEventLog) => (await historyOf(log)).at(-1)!.position;

test('rows are found by their key, also by statements that were planned when the tables were empty', async () => {
  const scans = async () => {
    const rows: { relname: string; seq_scan: string }[] = await tables.dataSource.query(
      `select relname, seq_scan from pg_stat_user_tables where relname = any($1) order by 1`,
      [projections.map(({ table }) => table)],
    );
    return rows;
  };
  const verbs = ['start', 'interrupt'] as const;
  const log = await playMoves(Array.from({ length: 40 }, (_, index) => move(0, verbs[index % 2]!)));
  const history = await historyOf(log);
  // What the connections of the pool have counted so far is told now, and not while the test runs.
  const told = 'select pg_stat_force_next_flush(), pg_sleep(0.05)';
  await Promise.all(Array.from({ length: 4 }, () => tables.dataSource.query(told)));
  const before = await scans();
  const session = (await store.tryLead())!;
  for (const { position, ...event } of history) {
    const read = readEvent({ position, ...event });
    const writes = projections.map((each) => ({
      ...{ projection: each.table, version: each.version, changes: each.project(read) },
      ...{ poisoned: [], healed: [], checkpoint: { position, lastEventAt: null } },
    }));
    await session.apply(writes);
  }
  await session.apply([]);
  await (session as PostgresProjectionSession).read('select pg_stat_force_next_flush()');
  await session.close();
  expect(history.length).toBeGreaterThan(20);
  expect(await scans()).toEqual(before);
});

test('whatever the history and the size of the batches, the tables hold what the changes mean', async () => {
  await fc.assert(
    fc.asyncProperty(moves, fc.integer({ min: 1, max: 40 }), async (played, batch) => {
      await empty(tables.dataSource);
      const log = await playMoves(played);
      await catchUp(log, tables.dataSource, batch);
      await expectTablesOf(log);
      expect(await store.poisoned(10)).toEqual([]);
    }),
    { numRuns: 15 },
  );
});

test('applying everything again, in other batches, changes nothing', async () => {
  const log = await playMoves(fc.sample(moves, { seed: 7, numRuns: 1 })[0]!);
  await catchUp(log, tables.dataSource, 5);
  await tables.dataSource.query('delete from projection_checkpoints');
  await catchUp(log, tables.dataSource, 3);
  await expectTablesOf(log);
});

test('any one event applied again, whenever, changes nothing', async () => {
  const log = await playMoves(fc.sample(moves, { seed: 11, numRuns: 1 })[0]!);
  await catchUp(log, tables.dataSource);
  const session = (await store.tryLead())!;
  try {
    for (const event of (await historyOf(log)).toReversed()) {
      const again = projections.map((projection) => ({
        projection: projection.table,
        changes: projection.project(readEvent(event)),
        poisoned: [],
        healed: [],
        version: projection.version,
        checkpoint: { position: event.position, lastEventAt: event.recordedAt },
      }));
      await session.apply(again);
    }
  } finally {
    await session.close();
  }
  await expectTablesOf(log);
  expect((await store.checkpoints()).get('workflow_steps')?.position).toBe(await lastPosition(log));
});

describe('a batch of a table that is far behind', () => {
  const writesOf = (history: Awaited<ReturnType<typeof historyOf>>) =>
    projections.map((projection) => ({
      ...{ projection: projection.table, version: projection.version, poisoned: [], healed: [], isCatchingUp: true },
      changes: history.flatMap((event) => projection.project(readEvent(event))),
      checkpoint: { position: history.at(-1)!.position, lastEventAt: null },
    }));
  const aHistory = () => playMoves(fc.sample(moves, { seed: 13, numRuns: 1 })[0]!);

  test('changes rows that are there already as any other does', async () => {
    const log = await aHistory();
    const history = await historyOf(log);
    const session = (await store.tryLead())!;
    try {
      await session.apply(writesOf(history.slice(0, history.length / 2)));
      await session.apply(writesOf(history));
    } finally {
      await session.close();
    }
    await expectTablesOf(log);
  });

  test('tells a client that follows the rows each change', async () => {
    const history = await historyOf(await aHistory());
    const follower = ownClient(tables.dataSource, 'follower', {});
    await follower.connect();
    const heard = new Set<string>();
    follower.on('notification', ({ payload }) => heard.add((JSON.parse(payload!) as { type: string }).type));
    await follower.query(`listen ${CHANNEL}`);
    const lock = `select pg_advisory_lock_shared($1::integer, hashtext(current_schema() || '.workflow_executions'))`;
    const session = (await store.tryLead())!;
    try {
      await follower.query(lock, [LISTENERS]);
      await session.apply(writesOf(history));
      await eventually(() => expect([...heard].sort()).toEqual(['INSERT', 'UPDATE']));
    } finally {
      await session.close();
      await follower.end();
    }
  });
});

test('an old event among the new ones moves no checkpoint back', async () => {
  const session = (await store.tryLead())!;
  const nothing = { projection: 'workflow_steps', changes: [], poisoned: [], healed: [], version: 1 };
  for (const position of [500n, 400n])
    await session.apply([{ ...nothing, checkpoint: { position, lastEventAt: null } }]);
  await session.close();
  expect((await store.checkpoints()).get('workflow_steps')?.position).toBe(500n);
});

test('a restart goes on after the checkpoint, and the checkpoint is the last event', async () => {
  const log = await playMoves(aFew);
  await catchUp(log, tables.dataSource);
  const position = await lastPosition(log);
  const checkpoints = await store.checkpoints();
  expect([...checkpoints.keys()].sort()).toEqual(projections.map(({ table }) => table).sort());
  for (const checkpoint of checkpoints.values()) expect(checkpoint.position).toBe(position);

  const asked: unknown[] = [];
  const subscribe = log.subscribe.bind(log);
  log.subscribe = (options) => {
    asked.push(options.after);
    return subscribe(options);
  };
  await catchUp(log, tables.dataSource);
  expect(asked).toEqual([position]);
});

test('rows and checkpoints move together: where the last statement fails, nothing has moved', async () => {
  const { dataSource } = tables;
  const log = await playMoves(aFew);
  await dataSource.query(`create function refuse() returns trigger language plpgsql as
    $$ begin raise exception 'disk on fire' using errcode = 'XX000'; end $$`);
  await dataSource.query(`create trigger refuse before insert on projection_checkpoints execute function refuse()`);
  const runner = runnerOf(log, store);
  runner.start();
  try {
    await eventually(() => runner.errors.some((error) => error.includes('disk on fire')));
    expect(await rowsOf(dataSource)).toEqual({ workflow_executions: [], workflow_steps: [], workflow_events: [] });
    expect(await store.poisoned(10)).toEqual([]);

    await dataSource.query('drop function refuse cascade');
    await eventually(() => runner.status().caughtUp);
    await expectTablesOf(log);
  } finally {
    await runner.stop();
  }
});

test('live: what is appended while it runs arrives, also after a lost subscription and a lost database connection', async () => {
  const { dataSource } = tables;
  const log = await playMoves(aFew.slice(0, 3));
  const runner = runnerOf(log, store);
  const arrives = async (id: string) => {
    const { revision } = await log.read(`workflow-${EXECUTIONS[0]}`);
    await log.append(
      `workflow-${EXECUTIONS[0]}`,
      [{ id, type: 'WorkflowPraised', data: {}, metadata: null }],
      revision,
    );
    await eventually(async () =>
      (await rowsOf(dataSource))['workflow_events']!.some((row) => 'id' in row && row.id === id),
    );
  };
  runner.start();
  try {
    await eventually(() => runner.status().caughtUp);
    await arrives('00000000-0000-4000-8000-00000000000a');
    log.disconnect(new Error('cut'));
    await arrives('00000000-0000-4000-8000-00000000000b');
    await dataSource.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'workflow-executor-projections' and datname = current_database()`,
    );
    await arrives('00000000-0000-4000-8000-00000000000c');
    await eventually(() => runner.status().position === 'start' || runner.status().leading);
    await expectTablesOf(log);
    expect(runner.errors.some((error) => error.includes('cut'))).toBe(true);
  } finally {
    await runner.stop();
  }
});

test('at each moment the tables show one and the same event as the last', async () => {
  const log = await playMoves(Array.from({ length: 20 }, () => aFew).flat());
  const readModel = new PostgresReadModel(tables.dataSource);
  const runner = runnerOf(log, store, { limits: { batch: 1, catchUpBatch: 1 } });
  const shown = new Set<string>();
  runner.start();
  try {
    while (!runner.status().caughtUp) {
      const found = await readModel.overview(EXECUTIONS[0]!, { steps: true, events: { limit: 1 } });
      if (!found) continue;
      expect(found.events!.at(-1)!.revision).toBe(found.execution.revision);
      shown.add(found.execution.revision);
    }
    expect(shown.size).toBeGreaterThan(1);
  } finally {
    await runner.stop();
  }
});

test('of two runners one leads; when it stops the other takes over', async () => {
  const log = await playMoves(aFew.slice(0, 3));
  const [first, second] = [runnerOf(log, store), runnerOf(log, new PostgresProjectionStore(tables.dataSource))];
  first.start();
  try {
    await eventually(() => first.status().caughtUp);
    second.start();
    await expect(second.retryPoisoned()).rejects.toThrow(/does not lead/);
    expect(await store.tryLead()).toBeNull();
    expect(second.status()).toMatchObject({ leading: false, caughtUp: false });
    await first.stop();
    await eventually(() => second.status().caughtUp);
    expect(second.status()).toMatchObject({ leading: true, position: await lastPosition(log), poisoned: 0 });
    expect(second.errors).toEqual([]);
  } finally {
    await Promise.all([first.stop(), second.stop()]);
  }
});
