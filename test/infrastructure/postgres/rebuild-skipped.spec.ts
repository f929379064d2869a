/** What operators had passed over, and rebuilds: the decision holds as long as the event cannot be applied. */
import { randomUUID } from 'node:crypto';
import { projections } from '../../../src/application/projections/index.js';
import type { Projection } from '../../../src/application/projections/projection.js';
import { DEFAULT_RUNNER_LIMITS, ProjectionRunner } from '../../../src/application/projections/runner.js';
import { Rebuilder, DEFAULT_REBUILDER_LIMITS } from '../../../src/application/rebuild/rebuilder.js';
import { Rebuilds } from '../../../src/application/rebuild/rebuilds.js';
import { PostgresPoisonOrders } from '../../../src/infrastructure/postgres/projections/postgres-projection-records.js';
import { PostgresProjectionStore } from '../../../src/infrastructure/postgres/projections/postgres-projection-store.js';
import { PostgresRebuildStore } from '../../../src/infrastructure/postgres/rebuild/postgres-rebuild-store.js';
import { SystemClock, SystemIds } from '../../../src/infrastructure/system/clock-and-ids.js';
import { EXECUTIONS, playMoves, type Move } from '../../application/projections/random-history.js';
import { eventually } from '../../support/eventually.js';
import type { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { openTables, rowsOf, type TestTables } from './read-tables.js';

const [clock, ids] = [new SystemClock(), new SystemIds()];
const NEVER = new AbortController().signal;
const SICK = EXECUTIONS[0]!;
const TABLE = 'workflow_steps';

const by = { actor: { type: 'user', id: 'ann' } as const, reason: 'a shape of long ago' };
const asked = () => ({ commandId: ids.uuid(), at: clock.now(), ...by, causationId: null, traceparent: null });

/** As an older version of the code, which could not read the second StepStarted. */
const older = projections.map((projection): Projection =>
  projection.table !== TABLE
    ? projection
    : {
        ...projection,
        project: (event) => {
          if (event.executionId === SICK && event.recorded.revision === 3n) throw new Error('cannot read this');
          return projection.project(event);
        },
      },
);

const play = () => {
  const verbs = ['start', 'start', 'complete', 'start', 'complete'] as const;
  const more = { waitMs: 1_000, errorType: 'transient' } as const;
  return playMoves(
    verbs.flatMap((verb, index): Move[] =>
      [0, 2].map((execution) => ({ execution, verb, ...more, output: { [`result-${index}`]: execution } })),
    ),
  );
};

let tables: TestTables;
let store: PostgresProjectionStore;
let log: InMemoryEventLog;

beforeEach(async () => {
  tables = await openTables();
  store = new PostgresProjectionStore(tables.dataSource);
  log = await play();
});
afterEach(() => tables.close());

const skipped = () =>
  tables.dataSource.query('select projection, execution_id, revision, reason from projection_skipped');
const SKIPPED = [{ projection: TABLE, execution_id: SICK, revision: '3', reason: by.reason }];

/** The older version runs, holds the execution back, and is told to pass the event over. */
const skipOne = async () => {
  const orders = new PostgresPoisonOrders(tables.dataSource);
  const limits = { ...DEFAULT_RUNNER_LIMITS, leadPauseMs: 20, ordersEveryMs: 20 };
  const runner = new ProjectionRunner({ store, log, clock, ids, orders }, older, limits, () => undefined);
  runner.start();
  try {
    await eventually(async () => expect(await store.poisoned(10)).toHaveLength(1));
    const order = { projection: TABLE, executionId: SICK, action: 'skip', revision: 3n } as const;
    await orders.place({ id: randomUUID(), ...order, ...by, placedAt: clock.now() });
    await eventually(async () => expect(await skipped()).toEqual(SKIPPED));
    await eventually(async () => expect(await store.poisoned(10)).toEqual([]));
  } finally {
    await runner.stop();
  }
};

const rebuiltBy = async (list: readonly Projection[]) => {
  const rebuildStore = new PostgresRebuildStore(tables.dataSource, store, clock);
  const rebuilds = new Rebuilds({ log, clock, store: rebuildStore }, list);
  const ports = { store: rebuildStore, rebuilds, log, clock, ids };
  const rebuilder = new Rebuilder(ports, list, DEFAULT_REBUILDER_LIMITS, () => undefined);
  await rebuilds.request(TABLE, { require: 'zero-diff' }, asked());
  await rebuilder.work(NEVER);
  const { rebuild } = await rebuilds.view(TABLE);
  return { rebuild: rebuild!, rebuilds, rebuilder };
};

test('what still cannot be applied is passed over again: there is no difference, and the note stays', async () => {
  await skipOne();
  const rows = await rowsOf(tables.dataSource);
  const { rebuild, rebuilds, rebuilder } = await rebuiltBy(older);
  expect(rebuild).toMatchObject({ phase: 'swapped', comparison: { added: 0, removed: 0, changed: 0 } });
  expect(await rowsOf(tables.dataSource)).toEqual(rows);
  expect(await skipped()).toEqual(SKIPPED);
  expect(await store.poisoned(10)).toEqual([]);
  await rebuilds.rollback(TABLE, asked());
  await rebuilder.work(NEVER);
  expect(await rowsOf(tables.dataSource)).toEqual(rows);
  expect(await skipped()).toEqual(SKIPPED);
});

test('what can be applied now is: the difference is shown, and with the swap the note goes', async () => {
  await skipOne();
  const before = await rowsOf(tables.dataSource);
  const { rebuild, rebuilds, rebuilder } = await rebuiltBy(projections);
  expect(rebuild).toMatchObject({ phase: 'refused', comparison: { added: 0, removed: 0, changed: 1 } });
  expect(await skipped()).toEqual(SKIPPED);
  await rebuilds.approve(TABLE, rebuild.id, asked());
  await rebuilder.work(NEVER);
  expect(await skipped()).toEqual([]);
  expect(await rowsOf(tables.dataSource)).not.toEqual(before);
  await rebuilds.rollback(TABLE, asked());
  await rebuilder.work(NEVER);
  expect(await rowsOf(tables.dataSource)).toEqual(before);
  expect(await skipped()).toEqual(SKIPPED);
});
