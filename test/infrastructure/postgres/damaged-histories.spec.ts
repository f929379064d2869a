import { DamagedHistories } from '../../../src/application/workflow/histories.js';
import {
  PostgresReadModel,
  PostgresWaitingExecutions,
} from '../../../src/infrastructure/postgres/queries/postgres-read-model.js';
import { PostgresDamagedHistories } from '../../../src/infrastructure/postgres/workflow/postgres-damaged-histories.js';
import { PostgresDueExecutions } from '../../../src/infrastructure/postgres/workflow/postgres-workers.js';
import { InMemoryDamagedHistories } from '../../support/in-memory.damaged-histories.js';
import { empty, openTables, type TestTables } from './read-tables.js';

const [ONE, TWO, THREE] = [1, 2, 3].map((digit) => '11111111-1111-4111-8111-111111111111'.replace(/1/g, `${digit}`));
const FOUND_AT = new Date('2030-01-01T00:00:00.000Z');
const LATER = new Date('2031-01-01T00:00:00.000Z');
const of = (executionId: string, what = 'cut off') => ({
  executionId,
  damage: 'truncated' as const,
  what,
  foundAt: FOUND_AT,
});

let tables: TestTables;
beforeAll(async () => (tables = await openTables()));
afterAll(() => tables.close());
beforeEach(() => empty(tables.dataSource));

const stores: readonly (readonly [string, () => DamagedHistories])[] = [
  ['in memory', () => new InMemoryDamagedHistories()],
  ['in Postgres', () => new PostgresDamagedHistories(tables.dataSource)],
];

describe.each(stores)('damaged histories %s', (_where, open) => {
  test('each is noted once, until it is whole again', async () => {
    const damaged = open();
    expect([await damaged.note(of(ONE!)), await damaged.note(of(ONE!, 'something else'))]).toEqual([true, false]);
    expect(await damaged.list(null, 10)).toEqual([of(ONE!)]);
    expect([await damaged.clear(ONE!), await damaged.clear(ONE!)]).toEqual([true, false]);
    expect(await damaged.count()).toBe(0);
    expect(await damaged.note(of(ONE!))).toBe(true);
  });

  test('all of them are found page by page, whatever their streams are called', async () => {
    const damaged = open();
    for (const id of [THREE!, 'no uuid at all', ONE!, TWO!]) await damaged.note(of(id));
    expect(await damaged.count()).toBe(4);
    const first = await damaged.list(null, 3);
    const rest = await damaged.list(first.at(-1)!.executionId, 3);
    expect([...first, ...rest].map(({ executionId }) => executionId)).toEqual([ONE, TWO, THREE, 'no uuid at all']);
  });

  test('of an execution that nothing has recorded there is no last event', async () => {
    expect(await open().lastOf(ONE!)).toBeNull();
    expect(await open().lastOf('no uuid at all')).toBeNull();
  });
});

const row = (id: string, revision: number, position: number) =>
  tables.dataSource.query(
    `insert into workflow_executions (id, project_id, document_type, workflow_name, definition_hash, auto_execute,
       current_state, percent_complete, checkpoint_data, metadata, created_at, updated_at, next_action_at, revision, position)
     values ($1, 'p', 'ib', 'w', 'h', true, 'created', 0, '{}', '{}', $2, $2, $2, $3, $4)`,
    [id, FOUND_AT, revision, position],
  );

test('the last event is that of the table which has come further', async () => {
  const damaged = new PostgresDamagedHistories(tables.dataSource);
  await row(ONE!, 4, 40);
  expect(await damaged.lastOf(ONE!)).toEqual({ revision: 4n, position: 40n });
  await tables.dataSource.query(
    `insert into audit_leaves (index, position, recorded_at, stream, revision, event_id, event_hash, data_hash)
     select n, 10 * n, $1, $2, n, $3, '', '' from generate_series(0, 6) as n`,
    [FOUND_AT, `workflow-${ONE}`, TWO],
  );
  expect(await damaged.lastOf(ONE!)).toEqual({ revision: 6n, position: 60n });
  expect(await damaged.lastOf(TWO!)).toBeNull();
});

test('an execution that is held back is shown with the reason, and is neither due nor waiting', async () => {
  const { dataSource } = tables;
  const [damaged, readModel] = [new PostgresDamagedHistories(dataSource), new PostgresReadModel(dataSource)];
  for (const [index, id] of [ONE!, TWO!].entries()) await row(id, index, index);
  await damaged.note(of(ONE!));
  const why = { kind: 'truncated', message: 'cut off', found_at: FOUND_AT };
  expect((await readModel.overview(ONE!, { steps: false, events: false }))?.execution).toMatchObject({
    id: ONE,
    damage: why,
  });
  const whole = await readModel.overview(TWO!, { steps: true, events: { limit: 1 } });
  expect(Object.keys(whole!.execution)).not.toContain('damage');
  const { rows } = await readModel.executions({}, { cursor: null, limit: 10, checkpoints: false });
  expect(rows.map(({ id, damage }) => [id, damage])).toEqual([
    [TWO, undefined],
    [ONE, why],
  ]);
  const due = await new PostgresDueExecutions(dataSource).find(LATER, new Set(), 10);
  expect(due.map(({ executionId }) => executionId)).toEqual([TWO]);
  expect(await new PostgresWaitingExecutions(dataSource).count(LATER, 10)).toBe(1);
});
