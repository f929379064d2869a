import { projections } from '../../../src/application/projections/index.js';
import { InvalidCursor } from '../../../src/application/queries/read-model.js';
import { PostgresReadModel } from '../../../src/infrastructure/postgres/queries/postgres-read-model.js';
import { expectedExecution, expectedSteps } from '../../application/projections/expected-rows.js';
import { EXECUTIONS, playMoves, type Move } from '../../application/projections/random-history.js';
import type { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { catchUp, empty, openTables, type TestTables } from './read-tables.js';

const whole = { order: 'asc', beforeRevision: null, types: null } as const;

const RUNNING = EXECUTIONS[0]!;
const NOBODY = '99999999-9999-4999-8999-999999999999';

let tables: TestTables;
let readModel: PostgresReadModel;
let log: InMemoryEventLog;

beforeAll(async () => {
  tables = await openTables();
  readModel = new PostgresReadModel(tables.dataSource);
  const verbs = ['start', 'start', 'complete', 'start', 'complete', 'pause'] as const;
  log = await playMoves(
    verbs.map((verb): Move => ({ execution: 0, verb, waitMs: 1_000, errorType: 'fatal', output: { [verb]: 'ü' } })),
  );
  await catchUp(log, tables.dataSource);
});
afterAll(() => tables.close());

test('projections and columns name the same things', () => {
  for (const { table } of projections) {
    expect(tables.dataSource.entityMetadatas.map(({ tableName }) => tableName)).toContain(table);
  }
});

test('an overview holds the parts asked for, as of one moment', async () => {
  const { events } = await log.read(`workflow-${RUNNING}`);
  const execution = expectedExecution(events);
  expect(await readModel.overview(RUNNING, { steps: false, events: false })).toEqual({ execution });
  const all = await readModel.overview(RUNNING, { steps: true, events: { limit: 3 } });
  expect(all?.execution).toEqual(execution);
  expect(all?.steps).toEqual(expectedSteps(events));
  expect(all?.events?.map(({ revision }) => revision)).toEqual(
    events.slice(-3).map(({ revision }) => String(revision)),
  );
  expect(await readModel.overview(NOBODY, { steps: true, events: false })).toBeNull();
});

test('events come oldest first, after a revision', async () => {
  const all = await readModel.events(RUNNING, { ...whole, afterRevision: null, limit: 100 });
  const { events } = await log.read(`workflow-${RUNNING}`);
  expect(all.map(({ id, event_type, position }) => [id, event_type, position])).toEqual(
    events.map(({ id, type, position }) => [id, type, String(position)]),
  );
  const some = await readModel.events(RUNNING, { ...whole, afterRevision: 1n, limit: 2 });
  expect(some.map(({ revision }) => revision)).toEqual(['2', '3']);
  expect(await readModel.events(NOBODY, { ...whole, afterRevision: null, limit: 1 })).toEqual([]);
});

test('which states and types there are', async () => {
  const { execution } = (await readModel.overview(RUNNING, { steps: false, events: false }))!;
  expect(await readModel.hasState(execution.current_state)).toBe(true);
  expect(await readModel.hasState('nowhere')).toBe(false);
  expect(await readModel.typesAmong(RUNNING, ['WorkflowStarted', 'Nothing'])).toEqual(['WorkflowStarted']);
  expect(await readModel.typesAmong(NOBODY, ['WorkflowStarted'])).toEqual([]);
});

test('of files with one name the latest step has the one that is found', async () => {
  const steps = (await readModel.overview(RUNNING, { steps: true, events: false }))!.steps!;
  expect(steps.filter(({ artifacts }) => artifacts.length > 0)).toHaveLength(2);
  await tables.dataSource.query(`update workflow_steps set artifacts = $2 where execution_id = $1 and step_order = 2`, [
    RUNNING,
    JSON.stringify([file('draft.txt', 1), file('other.txt', 2), file('draft.txt', 3)]),
  ]);
  expect(await readModel.artifact(RUNNING, 'draft.txt')).toEqual(file('draft.txt', 3));
  expect(await readModel.artifact(RUNNING, 'nothing.txt')).toBeNull();
  expect(await readModel.artifact(NOBODY, 'draft.txt')).toBeNull();
});

const file = (name: string, bytes: number) => ({ name, sha256: 'b'.repeat(64), bytes, contentType: 'text/plain' });

describe('the list', () => {
  const idOf = (n: number) => `22222222-2222-4222-8222-${String(n).padStart(12, '0')}`;

  /** Ten executions: three times at one millisecond, then one each. Newest first is 9 ... 0. */
  beforeAll(async () => {
    const { dataSource } = tables;
    await empty(dataSource);
    await dataSource.query(
      `insert into workflow_executions
       select ('22222222-2222-4222-8222-' || lpad(n::text, 12, '0'))::uuid, 'p' || n % 2, 'ib', 'w', 'h', null, true,
         case when n < 5 then 'completed' else 'failed' end, null, null, 0, null, null, null, '{}', '{}',
         '2030-01-01T00:00:00.123Z'::timestamptz + greatest(0, n - 2) * interval '1 millisecond', null, now(), null,
         null, null, 0, 0
       from generate_series(0, 9) n`,
    );
  });

  const pages = async (filter: Parameters<PostgresReadModel['executions']>[0], limit: number) => {
    const found: string[][] = [];
    for (let cursor: string | null = null, first = true; first || cursor !== null; first = false) {
      const page: Awaited<ReturnType<PostgresReadModel['executions']>> = await readModel.executions(filter, {
        ...{ cursor, limit, checkpoints: false },
      });
      found.push(page.rows.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    return found;
  };
  const newestFirst = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map(idOf);

  test.each([1, 2, 3, 4, 9, 10, 11])('pages of %i together are the whole, each row once', async (limit) => {
    const found = await pages({}, limit);
    expect(found.flat()).toEqual(newestFirst);
    expect(found).toHaveLength(Math.ceil(10 / limit));
  });

  test('filters combine; times are inclusive below and exclusive above', async () => {
    expect((await pages({ state: 'completed' }, 2)).flat()).toEqual([4, 3, 2, 1, 0].map(idOf));
    expect((await pages({ state: 'completed', projectId: 'p1' }, 1)).flat()).toEqual([3, 1].map(idOf));
    expect((await pages({ documentType: 'other' }, 1)).flat()).toEqual([]);
    const createdAfter = new Date('2030-01-01T00:00:00.124Z');
    const createdBefore = new Date('2030-01-01T00:00:00.126Z');
    expect((await pages({ createdAfter, createdBefore }, 1)).flat()).toEqual([4, 3].map(idOf));
    expect((await pages({ createdBefore: createdAfter }, 5)).flat()).toEqual([2, 1, 0].map(idOf));
  });

  test('a row of a list is the whole row but for the results, which come where they are asked for', async () => {
    const listed = async (checkpoints: boolean) =>
      (await readModel.executions({ state: 'completed' }, { cursor: null, limit: 1, checkpoints })).rows[0]!;
    const { execution } = (await readModel.overview(idOf(4), { steps: false, events: false }))!;
    expect(await listed(true)).toEqual(execution);
    const { checkpoint_data, ...rest } = execution;
    expect(checkpoint_data).toEqual({});
    expect(await listed(false)).toEqual(rest);
  });

  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  test.each([
    '',
    '%',
    'abc',
    'a'.repeat(10_000),
    encoded(null),
    encoded(['2030-01-01T00:00:00.000Z']),
    encoded(['2030-01-01T00:00:00.000Z', "'; drop table workers; --"]),
    encoded(['yesterday', idOf(1)]),
    encoded({ created_at: '2030-01-01T00:00:00.000Z', id: idOf(1) }),
  ])('a cursor that it did not give out is refused: %#', async (cursor) => {
    await expect(readModel.executions({}, { cursor, limit: 1, checkpoints: false })).rejects.toThrow(InvalidCursor);
  });
});
