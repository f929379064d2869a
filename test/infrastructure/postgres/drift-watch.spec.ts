/** The slow comparison in the background: what it finds, tells, keeps, and forgets again. */
import { projections } from '../../../src/application/projections/index.js';
import type { Checked } from '../../../src/application/projections/drift/check-execution.js';
import { DEFAULT_DRIFT_LIMITS, DriftWatch } from '../../../src/application/projections/drift/drift-watch.js';
import { PostgresLiveRows } from '../../../src/infrastructure/postgres/projections/postgres-live-rows.js';
import { PostgresProjectionRecords } from '../../../src/infrastructure/postgres/projections/postgres-projection-records.js';
import { SystemClock } from '../../../src/infrastructure/system/clock-and-ids.js';
import { EXECUTIONS, playMoves, type Move } from '../../application/projections/random-history.js';
import { eventually } from '../../support/eventually.js';
import type { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { catchUp, openTables, type TestTables } from './read-tables.js';

const [FIRST, OTHER] = [EXECUTIONS[0]!, EXECUTIONS[2]!];

let tables: TestTables;
let log: InMemoryEventLog;
let watches: DriftWatch[];

const play = () =>
  playMoves(
    (['start', 'start', 'complete'] as const).flatMap((verb): Move[] =>
      [0, 2].map((execution) => ({ execution, verb, waitMs: 1_000, errorType: 'transient', output: { verb } })),
    ),
  );

beforeEach(async () => {
  watches = [];
  tables = await openTables();
  log = await play();
  await catchUp(log, tables.dataSource);
});
afterEach(async () => {
  await Promise.all(watches.map((watch) => watch.stop()));
  await tables.close();
});

const watching = (everyMs = 2, leads: boolean | (() => boolean) = true, clock = new SystemClock()) => {
  const { dataSource } = tables;
  const records = new PostgresProjectionRecords(dataSource);
  const found: Checked[] = [];
  const errors: string[] = [];
  const told = {
    leadsHere: () => (typeof leads === 'boolean' ? leads : leads()),
    onDifference: (checked: Checked) => found.push(checked),
    onError: (message: string) => errors.push(message),
  };
  const ports = { log, rows: new PostgresLiveRows(dataSource), records, clock };
  const watch = new DriftWatch(ports, projections, told, { ...DEFAULT_DRIFT_LIMITS, everyMs });
  watches.push(watch);
  watch.start();
  const drifted = async () => (await records.drifted('workflow_steps', 10)).map(({ executionId }) => executionId);
  return { watch, found, errors, drifted };
};

const edit = (set: string, executionId: string) =>
  tables.dataSource.query(`update workflow_steps set ${set} where execution_id = $1 and step_order = 1`, [executionId]);

test('rows that match their events are compared again and again, and nothing is reported', async () => {
  const { watch, found, errors } = watching();
  await eventually(() => expect(watch.status().checked).toBeGreaterThan(2 * 2));
  expect(watch.status()).toMatchObject({ differing: 0, lastAt: expect.any(Date) });
  expect([found, errors]).toEqual([[], []]);
});

test('a row that was edited is found, kept until it is right again, and then forgotten', async () => {
  await edit(`agent = 'nobody'`, FIRST);
  const { watch, found, drifted } = watching();
  await eventually(async () => expect(await drifted()).toEqual([FIRST]));
  // Counted and told when all of its tables have been noted.
  await eventually(() => expect(watch.status().differing).toBeGreaterThan(0));
  expect(found[0]).toMatchObject({
    projection: 'workflow_steps',
    executionId: FIRST,
    differences: [{ kind: 'changed', columns: [{ column: 'agent', found: 'nobody' }] }],
  });
  const right = found[0]!.differences[0]!.columns[0]!.expected;
  await edit(`agent = '${right as string}'`, FIRST);
  await eventually(async () => expect(await drifted()).toEqual([]));
});

test('a row that is gone and one that no event made are found too', async () => {
  await tables.dataSource.query('delete from workflow_steps where execution_id = $1', [OTHER]);
  await tables.dataSource.query(
    `insert into workflow_steps select (jsonb_populate_record(s, jsonb_build_object(
    'id', '00000000-0000-4000-8000-000000000000'))).* from workflow_steps s where execution_id = $1 limit 1`,
    [FIRST],
  );
  const { found, drifted } = watching();
  await eventually(async () => expect((await drifted()).sort()).toEqual([FIRST, OTHER].sort()));
  await eventually(() => {
    const kinds = new Set(found.flatMap(({ differences }) => differences.map(({ kind }) => kind)));
    expect([...kinds].sort()).toEqual(['missing', 'unexplained']);
  });
});

test('nothing is compared where another instance leads, or where it is turned off', async () => {
  await edit(`agent = 'nobody'`, FIRST);
  const [elsewhere, off, here] = [watching(2, false), watching(0), watching()];
  await eventually(() => expect(here.found).not.toEqual([]));
  expect([elsewhere, off].map(({ watch }) => watch.status().checked)).toEqual([0, 0]);
});

/** Stands still as soon as rows were read, for so long. */
class StandingStill extends SystemClock {
  lateMs = 0;
  override now(): Date {
    return new Date(super.now().getTime() + this.lateMs);
  }
}

test.each(['another leads by then', 'nobody has told it yet that another does'])(
  'what an instance that stood still has compared is not noted: %s',
  async (how) => {
    await edit(`agent = 'nobody'`, FIRST);
    const clock = new StandingStill();
    let [leads, reads] = [true, 0];
    const read = log.read.bind(log);
    log.read = async (...given) => {
      reads += 1;
      if (how.startsWith('another')) leads = false;
      clock.lateMs += 20_000;
      return read(...given);
    };
    const { found, errors, drifted, watch } = watching(2, () => leads, clock);
    await eventually(() => expect(reads).toBeGreaterThan(1));
    await watch.stop();
    expect([found, errors, await drifted()]).toEqual([[], [], []]);
  },
);

test('a database that is away for a moment is reported, and the comparison goes on', async () => {
  await tables.dataSource.query('alter table workflow_steps rename to elsewhere');
  const { watch, errors } = watching();
  await eventually(() => expect(errors).not.toEqual([]));
  await tables.dataSource.query('alter table elsewhere rename to workflow_steps');
  const { checked } = watch.status();
  await eventually(() => expect(watch.status().checked).toBeGreaterThan(checked));
});
