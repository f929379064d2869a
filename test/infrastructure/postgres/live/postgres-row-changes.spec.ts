import pg from 'pg';
import type { DataSource } from 'typeorm';
import type { ChangeListener, RowChange } from '../../../../src/application/live/row-changes.js';
import { createDataSource } from '../../../../src/infrastructure/postgres/data-source.js';
import {
  endStuckListeners,
  DEFAULT_ROW_CHANGES_LIMITS,
  PostgresRowChanges,
  type RowChangesLimits,
} from '../../../../src/infrastructure/postgres/live/postgres-row-changes.js';
import { SystemClock } from '../../../../src/infrastructure/system/clock-and-ids.js';
import { eventually } from '../../../support/eventually.js';
import { openTables, type TestTables } from '../read-tables.js';

const ID = '00000000-0000-4000-8000-000000000001';

let tables: TestTables;
let dataSource: DataSource;
const following: PostgresRowChanges[] = [];

beforeAll(async () => {
  tables = await openTables();
  ({ dataSource } = tables);
});
afterEach(async () => {
  await Promise.all(following.splice(0).map((each) => each.stop()));
  await dataSource.query('truncate workflow_executions, workflow_steps, workflow_events');
});
afterAll(() => tables.close());

const follow = async (limits: Partial<RowChangesLimits> = {}, from = dataSource) => {
  const errors: string[] = [];
  const all = { ...DEFAULT_ROW_CHANGES_LIMITS, pauseMs: 10, ...limits };
  const changes = new PostgresRowChanges(from, new SystemClock(), all, (message) => errors.push(message));
  following.push(changes);
  await changes.start();
  const seen: RowChange[] = [];
  const missed: string[] = [];
  const listener: ChangeListener = {
    changed: (change) => seen.push(change),
    missed: (why) => missed.push(why),
  };
  const interest = changes.interest([...changes.tables().keys()]);
  await interest.begun;
  return { changes, seen, missed, errors, interest, end: changes.follow(listener) };
};

const insert = (id: string, checkpoint: unknown = {}) =>
  dataSource.query(
    `insert into workflow_executions (id, project_id, document_type, workflow_name, definition_hash, auto_execute,
       current_state, percent_complete, checkpoint_data, metadata, created_at, updated_at, revision, position)
     values ($1, 'p', 'ib', 'ib', 'h', true, 'pending', 0, $2, '{}', '2026-01-02T03:04:05.678Z', now(), 0, 7)`,
    [id, JSON.stringify(checkpoint)],
  );

const appended = (revision: number, data: string) =>
  dataSource.query(
    `insert into workflow_events (execution_id, revision, id, position, event_type, data, recorded_at)
     values ($1, $2, gen_random_uuid(), $3, 'StepStarted', $4, now())`,
    [ID, revision, 100 + revision, data],
  );

const listening = async () => {
  const { options } = dataSource;
  const client = new pg.Client({ connectionString: options.type === 'postgres' ? options.url : undefined });
  await client.connect();
  const heard: string[] = [];
  client.on('notification', ({ payload = '' }) => heard.push(payload));
  await client.query('listen workflow_executor_changes');
  // What was announced before is there before the answer to this.
  return { heard, settled: () => client.query('select'), close: () => client.end() };
};

describe('a table that nobody has an interest in', () => {
  test('changes are announced only while a listener has an interest', async () => {
    const { interest, changes } = await follow();
    interest.end();
    interest.end();
    const { heard, settled, close } = await listening();
    const [events, both] = [
      changes.interest(['workflow_events']),
      changes.interest(['workflow_events', 'workflow_executions']),
    ];
    await Promise.all([events.begun, both.begun]);
    await insert(ID);
    await appended(0, '{}');
    await settled();
    expect(heard).toHaveLength(2);
    both.end();
    await changes.interest(['workflow_steps']).begun; // whatever was asked before is done
    await dataSource.query(`update workflow_executions set current_state = 'completed'`);
    await appended(1, '{}');
    await settled();
    expect(heard.map((payload) => (JSON.parse(payload) as RowChange).table)).toEqual([
      ...['workflow_executions', 'workflow_events', 'workflow_events'],
    ]);
    await close();
  });

  test('has no gap where an interest begins: what was written unannounced can be read by then', async () => {
    const { interest, changes, seen } = await follow();
    interest.end();
    await changes.interest(['workflow_steps']).begun;
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query(
      `insert into workflow_events (execution_id, revision, id, position, event_type, data, recorded_at)
       values ($1, 0, gen_random_uuid(), 100, 'StepStarted', '{}', now())`,
      [ID],
    );
    let hasBegun = false;
    const begun = changes.interest(['workflow_events']).begun.then(() => (hasBegun = true));
    await eventually(async () => {
      const waiting: unknown[] = await dataSource.query(
        `select from pg_locks where locktype = 'advisory' and not granted`,
      );
      expect(waiting).toHaveLength(1);
    });
    expect(hasBegun).toBe(false);
    await runner.commitTransaction();
    await runner.release();
    await begun;
    expect(await dataSource.query('select revision from workflow_events')).toEqual([{ revision: '0' }]);
    await appended(1, '{}');
    await eventually(() => expect(seen.map(({ key }) => key['revision'])).toEqual([1]));
  });

  test('after a lost connection what had an interest has it again, before the listeners read anew', async () => {
    const { seen, missed } = await follow();
    await dataSource.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'workflow-executor-changes' and datname = current_database()`,
    );
    await eventually(() => expect(missed).toHaveLength(1));
    await insert(ID);
    await eventually(() => expect(seen).toHaveLength(1));
  });
});

test('tells each row that is inserted, changed and deleted, in order', async () => {
  const { seen } = await follow();
  await insert(ID);
  await dataSource.query(`update workflow_executions set current_state = 'completed', percent_complete = 100`);
  await dataSource.query('delete from workflow_executions');
  await eventually(() => expect(seen).toHaveLength(3));
  expect(seen.map(({ table, type, key }) => ({ table, type, key }))).toEqual(
    ['INSERT', 'UPDATE', 'DELETE'].map((type) => ({ table: 'workflow_executions', type, key: { id: ID } })),
  );
  expect(seen[0]!.record).toMatchObject({
    id: ID,
    current_state: 'pending',
    created_at: '2026-01-02T03:04:05.678+00:00',
  });
  expect(seen[0]!.record).toMatchObject({ revision: 0, position: 7, drained: false, started_at: null });
  expect(seen[1]!.record).toMatchObject({ current_state: 'completed', percent_complete: 100, checkpoint_data: {} });
  expect(seen[2]!.record).toBeNull();
  expect(new Date(seen[0]!.at).toISOString()).toBe(seen[0]!.at);
});

test('tells the rows of one statement one by one, and nothing of what was rolled back', async () => {
  const { seen } = await follow();
  const runner = dataSource.createQueryRunner();
  await runner.query('begin');
  await runner.query(`update workflow_executions set current_state = 'running'`);
  await runner.query('rollback');
  await runner.release();
  await dataSource.query(
    `insert into workflow_events (execution_id, revision, id, position, event_type, data, recorded_at)
     select $1, n, gen_random_uuid(), n, 'StepStarted', '{}', now() from generate_series(0, 499) as n`,
    [ID],
  );
  await eventually(() => expect(seen).toHaveLength(500));
  expect(seen.map(({ key }) => key['revision'])).toEqual([...Array(500).keys()]);
});

test('reads rows that are too large to be announced, and keeps the order', async () => {
  const { seen } = await follow({ readBatch: 3 });
  const large = 'x'.repeat(20_000);
  for (let revision = 0; revision < 10; revision++) await appended(revision, JSON.stringify(revision % 2 ? large : ''));
  await insert(ID, { large });
  await eventually(() => expect(seen).toHaveLength(11));
  expect(seen.map(({ key }) => key['revision'])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, undefined]);
  expect(seen[1]!.record).toMatchObject({ execution_id: ID, revision: 1, data: large });
  expect(seen[10]!.record).toMatchObject({ id: ID, checkpoint_data: { large } });
});

test('instants are UTC in rows of any size, whatever the time zone of the database', async () => {
  const { url } = dataSource.options as { url: string };
  const name = `"${new URL(url).pathname.slice(1)}"`;
  await dataSource.query(`alter database ${name} set timezone to 'Asia/Kolkata'`);
  const elsewhere = await createDataSource({ url, poolSize: 2 });
  try {
    const { seen } = await follow({}, elsewhere);
    await insert(ID, { large: 'x'.repeat(20_000) });
    await eventually(() => expect(seen).toHaveLength(1));
    expect(seen[0]!.record!['created_at']).toBe('2026-01-02T03:04:05.678+00:00');
  } finally {
    await Promise.all(following.splice(0).map((each) => each.stop()));
    await elsewhere.destroy();
    await dataSource.query(`alter database ${name} reset timezone`);
  }
});

test('an event may hold characters that jsonb cannot', async () => {
  const { seen } = await follow();
  await appended(0, '{"text":"\\u0000"}');
  await eventually(() => expect(seen).toHaveLength(1));
  expect(seen[0]!.record!['data']).toEqual({ text: '\0' });
});

test('a row that is gone before it was read is left out; its deletion is announced', async () => {
  const { seen } = await follow();
  const runner = dataSource.createQueryRunner();
  await runner.query('begin');
  await runner.query(
    `insert into workflow_events (execution_id, revision, id, position, event_type, data, recorded_at)
     values ($1, 0, gen_random_uuid(), 0, 'StepStarted', $2, now())`,
    [ID, JSON.stringify('x'.repeat(20_000))],
  );
  await runner.query('delete from workflow_events');
  await runner.query('commit');
  await runner.release();
  await eventually(() => expect(seen.map(({ type }) => type)).toEqual(['DELETE']));
});

test('with more to read than is kept, says that changes were missed', async () => {
  const { seen, missed } = await follow({ waiting: 5 });
  await dataSource.query(
    `insert into workflow_events (execution_id, revision, id, position, event_type, data, recorded_at)
     select $1, n, gen_random_uuid(), n, 'StepStarted', to_json(repeat('x', 9000)), now() from generate_series(0, 49) as n`,
    [ID],
  );
  await eventually(() => expect(missed).not.toEqual([]));
  await appended(50, '{}');
  await eventually(() => expect(seen.at(-1)?.key).toEqual({ execution_id: ID, revision: 50 }));
});

test('a lost connection is made again, and what was announced meanwhile counts as missed', async () => {
  const { seen, missed, changes } = await follow();
  await dataSource.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'workflow-executor-changes' and datname = current_database()`,
  );
  await eventually(() => expect(missed).toEqual(['The connection to the database was lost for a while']));
  await insert(ID);
  await eventually(() => expect(seen).toHaveLength(1));
  expect([...changes.tables().keys()]).toEqual(['workflow_events', 'workflow_executions', 'workflow_steps']);
});

test('knows the columns with their types', async () => {
  const { changes } = await follow();
  const columns = changes.tables().get('workflow_executions')!;
  expect(columns.slice(0, 2)).toEqual([
    { name: 'id', type: 'uuid' },
    { name: 'project_id', type: 'text' },
  ]);
  expect(columns).toContainEqual({ name: 'created_at', type: 'timestamptz' });
  expect(columns).toContainEqual({ name: 'percent_complete', type: 'int4' });
});

test('what others say on the channel is passed over', async () => {
  const { seen, missed } = await follow();
  for (const payload of ['', 'no json', 'null', '7', '{}', '{"schema":"public","table":"x","type":"INSERT","at":"?"}'])
    await dataSource.query(`select pg_notify('workflow_executor_changes', $1)`, [payload]);
  await insert(ID);
  await eventually(() => expect(seen).toHaveLength(1));
  expect(missed).toEqual([]);
});

test('who has ended following hears no more', async () => {
  const { seen, end } = await follow();
  const other = await follow();
  end();
  await insert(ID);
  await eventually(() => expect(other.seen).toHaveLength(1));
  expect(seen).toEqual([]);
});

test('a listener that takes nothing is ended before it can stop others from committing', async () => {
  const stuck = new pg.Client({
    connectionString: (dataSource.options as { url: string }).url,
    application_name: 'stuck-listener',
  });
  const ended = new Promise((resolve) => stuck.once('end', resolve));
  stuck.on('error', () => undefined);
  await stuck.connect();
  await stuck.query('listen workflow_executor_changes');
  (stuck as unknown as { connection: { stream: { pause(): void; resume(): void } } }).connection.stream.pause();
  const tell = () =>
    dataSource.query(`select pg_notify('workflow_executor_changes', '{"n":"' || n || repeat('x', 7000) || '"}')
      from generate_series(1, 2000) as n`);
  const isStuck = `select from pg_stat_activity where application_name = 'stuck-listener' and wait_event = 'ClientWrite'`;
  await eventually(async () => {
    await tell();
    expect(await dataSource.query(isStuck)).toHaveLength(1);
  });
  const client = new pg.Client({ connectionString: (dataSource.options as { url: string }).url });
  await client.connect();
  await endStuckListeners(client, 'stuck-listener', 1);
  expect(await dataSource.query(isStuck)).toHaveLength(1);
  await endStuckListeners(client, 'stuck-listener', 0);
  await client.end();
  await eventually(async () => expect(await dataSource.query(isStuck)).toHaveLength(0));
  (stuck as unknown as { connection: { stream: { resume(): void } } }).connection.stream.resume();
  await ended;
});
