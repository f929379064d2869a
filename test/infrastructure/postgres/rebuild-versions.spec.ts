/** Tables that an earlier version of their mapping made, or none: what an instance does about them when it starts. */
import fc from 'fast-check';
import { projections } from '../../../src/application/projections/index.js';
import type { Projection } from '../../../src/application/projections/projection.js';
import { Rebuilder, DEFAULT_REBUILDER_LIMITS } from '../../../src/application/rebuild/rebuilder.js';
import { Rebuilds } from '../../../src/application/rebuild/rebuilds.js';
import { PostgresProjectionStore } from '../../../src/infrastructure/postgres/projections/postgres-projection-store.js';
import { PostgresRebuildStore } from '../../../src/infrastructure/postgres/rebuild/postgres-rebuild-store.js';
import { SystemClock, SystemIds } from '../../../src/infrastructure/system/clock-and-ids.js';
import { moves, playMoves } from '../../application/projections/random-history.js';
import { eventually } from '../../support/eventually.js';
import type { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { catchUp, openTables, rowsOf, runnerOf, type TestTables } from './read-tables.js';

const [clock, ids] = [new SystemClock(), new SystemIds()];
let tables: TestTables;
beforeEach(async () => {
  tables = await openTables();
});
afterEach(() => tables.close());

const world = (log: InMemoryEventLog, list: readonly Projection[]) => {
  const store = new PostgresProjectionStore(tables.dataSource);
  const rebuildStore = new PostgresRebuildStore(tables.dataSource, store, clock);
  const rebuilds = new Rebuilds({ log, clock, store: rebuildStore }, list);
  const errors: string[] = [];
  const onError = (message: string, error: unknown) => void errors.push(`${message}: ${String(error)}`);
  const limits = { ...DEFAULT_REBUILDER_LIMITS, batch: 5, everyMs: 20 };
  const rebuilder = new Rebuilder({ store: rebuildStore, rebuilds, log, clock, ids }, list, limits, onError);
  const phase = async (table: string) => (await rebuilds.view(table)).rebuild?.phase;
  return { store, rebuildStore, rebuilds, rebuilder, errors, phase };
};

const aHistory = () => playMoves(fc.sample(moves, { seed: 23, numRuns: 1 })[0]!);

/** The mapping of the executions, grown by one version: it gives their project another name. */
const renamed = projections.map((projection): Projection =>
  projection.table !== 'workflow_executions'
    ? projection
    : {
        table: projection.table,
        version: projection.version + 1,
        project: (event) =>
          projection
            .project(event)
            .map((change) =>
              change.op === 'insert' ? { ...change, row: { ...change.row, project_id: 'renamed' } } : change,
            ),
      },
);
const projectsOf = async () => {
  const rows: { project_id: string }[] = await tables.dataSource.query('select project_id from workflow_executions');
  return [...new Set(rows.map(({ project_id }) => project_id))];
};

test('a table of an earlier version is built anew and swapped by itself, and the report tells the differences', async () => {
  const log = await aHistory();
  await catchUp(log, tables.dataSource);
  expect(await projectsOf()).not.toEqual(['renamed']);
  const { rebuilds, rebuilder, errors, phase, rebuildStore } = world(log, renamed);
  rebuilder.start();
  await eventually(async () => (await phase('workflow_executions')) === 'swapped');
  await rebuilder.stop();
  expect(await projectsOf()).toEqual(['renamed']);
  const { rebuild, live } = await rebuilds.view('workflow_executions');
  expect(rebuild).toMatchObject({
    cause: 'version',
    require: 'none',
    version: 2,
    comparison: { added: 0, removed: 0 },
  });
  expect(rebuild!.comparison!.changed).toBe(rebuild!.comparison!.live);
  expect(live?.version).toBe(2);
  expect((await rebuilds.view('workflow_steps')).rebuild).toBeNull();
  expect(errors).toEqual([]);

  // An instance of the version before it is not to build its own table again.
  const earlier = world(log, projections);
  earlier.rebuilder.start();
  await eventually(async () => (await rebuildStore.tryBuild())?.close().then(() => true));
  await earlier.rebuilder.stop();
  expect((await earlier.rebuilds.view('workflow_executions')).rebuild?.id).toBe(rebuild!.id);
});

test('a rebuild that an earlier version has begun is abandoned for the present one; an operator may undo that for good', async () => {
  const log = await aHistory();
  await catchUp(log, tables.dataSource);
  const context = {
    ...{ commandId: ids.uuid(), at: clock.now(), actor: { type: 'user', id: 'ann' } as const, reason: null },
    ...{ causationId: null, traceparent: null },
  };
  const before = world(log, projections);
  const first = await before.rebuilds.request('workflow_executions', { require: 'zero-diff' }, context);
  const { rebuilds, rebuilder, phase } = world(log, renamed);
  rebuilder.start();
  await eventually(async () => (await phase('workflow_executions')) === 'swapped');
  expect((await rebuilds.view('workflow_executions')).rebuild?.id).not.toBe(first.rebuild!.id);
  await rebuilds.rollback('workflow_executions', { ...context, commandId: ids.uuid() });
  await eventually(async () => (await phase('workflow_executions')) === 'rolled_back');
  await rebuilder.stop();
  expect(await projectsOf()).not.toEqual(['renamed']);
  const again = world(log, renamed);
  again.rebuilder.start();
  await eventually(async () => (await again.rebuildStore.tryBuild())?.close().then(() => true));
  await again.rebuilder.stop();
  expect(await phase('workflow_executions')).toBe('rolled_back');
});

test('a projection that is new beside others is filled apart from them, and then followed like them', async () => {
  const log = await aHistory();
  await catchUp(log, tables.dataSource);
  const whole = await rowsOf(tables.dataSource);
  await tables.dataSource.query('truncate workflow_steps');
  await tables.dataSource.query(`delete from projection_checkpoints where projection = 'workflow_steps'`);
  const { store, rebuilder, errors, phase } = world(log, projections);
  const runner = runnerOf(log, store, { limits: { leadPauseMs: 5 } });
  runner.start();
  await eventually(() => runner.status().caughtUp);
  expect((await rowsOf(tables.dataSource)).workflow_steps).toEqual([]);
  rebuilder.start();
  await eventually(async () => (await phase('workflow_steps')) === 'swapped');
  await rebuilder.stop();
  expect(await rowsOf(tables.dataSource)).toEqual(whole);
  const one = { id: ids.uuid(), type: 'OfAnotherVersion', data: {}, metadata: {} };
  const { position } = await log.append(`workflow-${ids.uuid()}`, [one], 'none');
  await eventually(async () => (await store.checkpoints()).get('workflow_steps')?.position === position);
  await runner.stop();
  expect(errors).toEqual([]);
});
