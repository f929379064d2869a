import { projections } from '../../../src/application/projections/index.js';
import type { Projection } from '../../../src/application/projections/projection.js';
import { PostgresProjectionStore } from '../../../src/infrastructure/postgres/projections/postgres-projection-store.js';
import { tablesOf } from '../../application/projections/in-memory-tables.js';
import { EXECUTIONS, playMoves, type Move } from '../../application/projections/random-history.js';
import { eventually } from '../../support/eventually.js';
import type { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { byText, catchUp, empty, historyOf, openTables, rowsOf, runnerOf, type TestTables } from './read-tables.js';

let tables: TestTables;
let store: PostgresProjectionStore;
beforeAll(async () => {
  tables = await openTables();
  store = new PostgresProjectionStore(tables.dataSource);
});
afterAll(() => tables.close());
beforeEach(() => empty(tables.dataSource));

const [SICK, WELL] = [EXECUTIONS[0]!, EXECUTIONS[2]!];

/** Both executions start, complete their first step, start and complete their second. */
const play = () => {
  const verbs = ['start', 'start', 'complete', 'start', 'complete'] as const;
  const moves = verbs.flatMap((verb, index): Move[] =>
    [0, 2].map((execution) => ({
      execution,
      verb,
      waitMs: 1_000,
      errorType: 'transient',
      output: { [`result-${index}`]: execution },
    })),
  );
  return playMoves(moves);
};

const expected = async (log: InMemoryEventLog, list = projections) =>
  Object.fromEntries([...tablesOf(await historyOf(log), list)].map(([table, rows]) => [table, [...rows].sort(byText)]));

const ofExecution = (rows: readonly object[] | undefined, executionId: string) =>
  rows?.filter((row) => JSON.stringify(row).includes(executionId));

/** Fails at the second StepStarted of one execution, until it is repaired. */
const breakable = () => {
  const state = { broken: true };
  const list = projections.map((projection): Projection =>
    projection.table !== 'workflow_steps'
      ? projection
      : {
          ...projection,
          project: (event) => {
            const { executionId, recorded } = event;
            if (state.broken && executionId === SICK && recorded.revision === 3n) throw new Error('cannot read this');
            return projection.project(event);
          },
        },
  );
  return { list, repair: () => (state.broken = false) };
};

test('an event that cannot be applied holds back its execution in that projection, and nothing else', async () => {
  const log = await play();
  const { list } = breakable();
  const runner = runnerOf(log, store, { list });
  runner.start();
  try {
    await eventually(() => runner.status().caughtUp);
    const poisonEvent = (await log.read(`workflow-${SICK}`)).events[3]!;
    expect(await store.poisoned(10)).toEqual([
      {
        projection: 'workflow_steps',
        executionId: SICK,
        position: poisonEvent.position,
        revision: 3n,
        eventId: poisonEvent.id,
        error: 'cannot read this',
        at: expect.any(Date),
      },
    ]);
    expect(runner.status()).toMatchObject({ poisoned: 1, position: (await historyOf(log)).at(-1)!.position });
    const [rows, all] = [await rowsOf(tables.dataSource), await expected(log)];
    expect(rows['workflow_executions']).toEqual(all['workflow_executions']);
    expect(rows['workflow_events']).toEqual(all['workflow_events']);
    expect(ofExecution(rows['workflow_steps'], WELL)).toEqual(ofExecution(all['workflow_steps'], WELL));
    const upToPoison = tablesOf((await log.read(`workflow-${SICK}`)).events.slice(0, 3)).get('workflow_steps')!;
    expect(ofExecution(rows['workflow_steps'], SICK)).toEqual([...upToPoison].sort(byText));
  } finally {
    await runner.stop();
  }
});

test('as many as are allowed can all be healed', async () => {
  const log = await play();
  const { list, repair } = breakable();
  const runner = runnerOf(log, store, { list, limits: { poisoned: 1 } });
  runner.start();
  try {
    await eventually(() => runner.status().caughtUp);
    await runner.retryPoisoned();
    expect(runner.status().poisoned).toBe(1);
    repair();
    await runner.retryPoisoned();
    expect(await rowsOf(tables.dataSource)).toEqual(await expected(log));
  } finally {
    await runner.stop();
  }
});

test('a retry heals the execution in order, with what came after the event; while the mapping is broken, a retry changes nothing', async () => {
  const log = await play();
  const { list, repair } = breakable();
  const runner = runnerOf(log, store, { list });
  runner.start();
  try {
    await eventually(() => runner.status().caughtUp);
    await runner.retryPoisoned();
    expect(await store.poisoned(10)).toMatchObject([{ revision: 3n, error: 'cannot read this' }]);
    repair();
    await runner.retryPoisoned();
    expect(await store.poisoned(10)).toEqual([]);
    expect(runner.status().poisoned).toBe(0);
    expect(await rowsOf(tables.dataSource)).toEqual(await expected(log));
  } finally {
    await runner.stop();
  }
});

test('healing that is cut off halfway goes on from there', async () => {
  const { dataSource } = tables;
  const log = await play();
  const { list, repair } = breakable();
  const runner = runnerOf(log, store, { list });
  runner.start();
  try {
    await eventually(() => runner.status().caughtUp);
    repair();
    await dataSource.query(`create function refuse() returns trigger language plpgsql as
      $$ begin raise exception 'disk on fire' using errcode = 'XX000'; end $$`);
    await dataSource.query(`create trigger refuse before update on workflow_steps for each row
      when (new.execution_id = '${SICK}' and new.revision = 4) execute function refuse()`);
    await expect(runner.retryPoisoned()).rejects.toThrow('disk on fire');
    expect(await store.poisoned(10)).toMatchObject([{ executionId: SICK, revision: 4n, error: 'Not tried yet' }]);
    await dataSource.query('drop function refuse cascade');
    await runner.retryPoisoned();
    expect(await store.poisoned(10)).toEqual([]);
    expect(await rowsOf(dataSource)).toEqual(await expected(log));
  } finally {
    await runner.stop();
    await dataSource.query('drop function if exists refuse cascade');
  }
});

test('a restart heals the execution too', async () => {
  const log = await play();
  const { list } = breakable();
  const runner = runnerOf(log, store, { list });
  runner.start();
  await eventually(() => runner.status().caughtUp);
  await runner.stop();
  await catchUp(log, tables.dataSource);
  expect(await store.poisoned(10)).toEqual([]);
  expect(await rowsOf(tables.dataSource)).toEqual(await expected(log));
});

test('what the database refuses is poison as well, found inside its batch, and heals step by step', async () => {
  const { dataSource } = tables;
  await dataSource.query(`alter table workflow_executions add constraint dislike
    check (not (id = '${SICK}' and (checkpoint_data -> 'intermediate_results') ? 'result-4'))`);
  const log = await play();
  const runner = runnerOf(log, store);
  runner.start();
  try {
    await eventually(() => runner.status().caughtUp);
    const [poison, ...more] = await store.poisoned(10);
    expect(more).toEqual([]);
    expect(poison).toMatchObject({ projection: 'workflow_executions', executionId: SICK, revision: 4n });
    expect(poison?.error).toContain('dislike');
    const held = (await rowsOf(dataSource))['workflow_executions']!.find((row) => JSON.stringify(row).includes(SICK));
    expect(held).toMatchObject({ revision: '3' });

    await dataSource.query('alter table workflow_executions drop constraint dislike');
    await runner.retryPoisoned();
    expect(await store.poisoned(10)).toEqual([]);
    expect(await rowsOf(dataSource)).toEqual(await expected(log));
  } finally {
    await runner.stop();
    await dataSource.query('alter table workflow_executions drop constraint if exists dislike');
  }
});

test('strangers in the log: unreadable data, foreign metadata, no UUID, no beginning; all are listed, none stops the rest', async () => {
  const log = await play();
  const event = (n: number, type: string, data: unknown, metadata: unknown = {}) => ({
    id: `00000000-0000-4000-8000-0000000000${n}`,
    type,
    data: data as never,
    metadata: metadata as never,
  });
  const last = (await log.read(`workflow-${SICK}`)).events.at(-1)!;
  await log.append(`workflow-${SICK}`, [event(10, 'StepStarted', 'not an object', last.metadata)], last.revision);
  await log.append(
    `workflow-${EXECUTIONS[1]}`,
    [event(11, 'WorkflowPaused', { stepInFlight: null }, last.metadata)],
    'none',
  );
  await log.append('workflow-no\0uuid', [event(12, 'Strange', null)], 'none');
  const wellRevision = (await log.read(`workflow-${WELL}`)).events.at(-1)!.revision;
  await log.append(`workflow-${WELL}`, [event(13, 'Strange', 'half a \ud800', ['foreign'])], wellRevision);
  await catchUp(log, tables.dataSource);

  const poisoned = await store.poisoned(20);
  expect(poisoned.map(({ projection, executionId }) => `${projection} ${executionId}`).sort()).toEqual(
    [
      `workflow_events ${SICK}`,
      'workflow_events no\ufffduuid',
      `workflow_executions ${SICK}`,
      `workflow_executions ${EXECUTIONS[1]}`,
      'workflow_executions no\ufffduuid',
      `workflow_steps ${SICK}`,
    ].sort(),
  );
  const errors = new Map(poisoned.map(({ projection, executionId, error }) => [`${projection} ${executionId}`, error]));
  expect(errors.get(`workflow_steps ${SICK}`)).toMatch(/expected a JSON object as its data, got "not an object"/);
  expect(errors.get(`workflow_executions ${EXECUTIONS[1]}`)).toMatch(/its first event is missing/);
  const { workflow_events: events, workflow_executions: executions } = await rowsOf(tables.dataSource);
  expect(events!.find((row) => 'id' in row && row.id === event(13, '', null).id)).toMatchObject({
    event_type: 'Strange',
    actor: null,
    data: 'half a \ud800',
  });
  expect(ofExecution(executions, WELL)).toMatchObject([{ revision: String(wellRevision + 1n) }]);
});

test('output that Postgres cannot hold is shown with U+FFFD; the event is kept as it is', async () => {
  const bad = { 'k\0': 'a\0b \\u0000 \\\\\0 \ud83d', pair: '💥', deep: [{ 'x\udc00': null }] };
  const log = await playMoves(
    (['start', 'start', 'complete'] as const).map((verb): Move => ({
      execution: 0,
      verb,
      waitMs: 0,
      errorType: 'fatal',
      output: bad,
    })),
  );
  await catchUp(log, tables.dataSource);
  expect(await store.poisoned(10)).toEqual([]);
  const shown = {
    'k\ufffd': 'a\ufffdb \\u0000 \\\\\ufffd \ufffd',
    pair: '💥',
    deep: [{ 'x\ufffd': null }],
  };
  const rows = await rowsOf(tables.dataSource);
  expect(rows['workflow_executions']).toMatchObject([{ checkpoint_data: { intermediate_results: shown } }]);
  expect(rows['workflow_steps']!.find((row) => 'status' in row && row.status === 'completed')).toMatchObject({
    output: shown,
  });
  expect(
    rows['workflow_events']!.find((row) => 'event_type' in row && row.event_type === 'StepCompleted'),
  ).toMatchObject({ data: { output: bad } });
});

test('too many poisoned executions are a fault of ours: the projections stand still', async () => {
  const log = await play();
  const list = projections.map((projection): Projection => ({
    ...projection,
    project: () => {
      throw new Error('a bad release');
    },
  }));
  const runner = runnerOf(log, store, { list, limits: { poisoned: 3 } });
  runner.start();
  try {
    await eventually(() => runner.errors.some((error) => error.includes('stand still')));
    expect((await store.poisoned(10)).length).toBeLessThanOrEqual(3);
    const position = (await store.checkpoints()).get('workflow_events')?.position ?? 0n;
    expect(position).toBeLessThan((await historyOf(log)).at(-1)!.position);
  } finally {
    await runner.stop();
  }
});
