/** What Postgres remembers of the log, for rows of this version and of earlier ones; and what an adoption does to it. */
import { adoptLog } from '../../../src/application/log/adopt-log.js';
import { LOG_STREAM } from '../../../src/application/log/log-identity.js';
import { projections } from '../../../src/application/projections/index.js';
import { PostgresLogAdoptions } from '../../../src/infrastructure/postgres/log/postgres-log-adoptions.js';
import { PostgresLogMemory } from '../../../src/infrastructure/postgres/log/postgres-log-memory.js';
import { RememberTheLog1763800000190 } from '../../../src/infrastructure/postgres/migrations/1763800000190-remember-the-log.js';
import { PostgresProjectionStore } from '../../../src/infrastructure/postgres/projections/postgres-projection-store.js';
import { SystemClock, SystemIds } from '../../../src/infrastructure/system/clock-and-ids.js';
import { playMoves } from '../../application/projections/random-history.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { catchUp, openTables, rowsOf, type TestTables } from './read-tables.js';

let tables: TestTables;
let memory: PostgresLogMemory;
beforeEach(async () => {
  tables = await openTables();
  memory = new PostgresLogMemory(tables.dataSource);
});
afterEach(() => tables.close());

const sql = (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> =>
  tables.dataSource.query(text, values);
const started = { execution: 0, verb: 'start', errorType: 'transient', waitMs: 1, output: {} } as const;
const history = () => playMoves([started, started, { ...started, execution: 1 }]);
const ID = '00000000-0000-4000-8000-000000000001';
const [first, second] = ['00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000a2'] as const;

test('nothing is remembered before anything was read', async () => {
  expect(await memory.read()).toEqual({ logId: null, places: [] });
});

test('the first id stays, whichever instance comes next', async () => {
  await memory.bind(ID);
  await memory.bind(first);
  expect(await memory.read()).toEqual({ logId: ID, places: [] });
});

test('each read table notes the last event that it has taken in', async () => {
  const log = await history();
  await catchUp(log, tables.dataSource);
  const last = log.eventAt(log.length - 1);
  const lastEvent = { position: last.position, id: last.id };
  const { places } = await memory.read();
  expect(places.map(({ follower }) => follower).sort()).toEqual(projections.map(({ table }) => table).sort());
  for (const place of places) expect(place).toMatchObject({ position: last.position, lastEvent });
});

test('a row of an earlier version has no event until its next commit; so it is beside tables that were put aside', async () => {
  await sql('create schema public_previous');
  await sql('create table public_previous.projection_checkpoints (like projection_checkpoints including all)');
  const migration = new RememberTheLog1763800000190();
  const queryRunner = tables.dataSource.createQueryRunner();
  await migration.down(queryRunner);
  for (const schema of ['public', 'public_previous'])
    await sql(
      `insert into ${schema}.projection_checkpoints (projection, position, updated_at) values ('workflow_steps', 100, now())`,
    );
  await migration.up(queryRunner);
  await queryRunner.release();
  expect((await memory.read()).places).toEqual([{ follower: 'workflow_steps', position: 100n, lastEvent: null }]);
  expect(await sql('select event_id from public_previous.projection_checkpoints')).toEqual([{ event_id: null }]);
});

describe('an adoption', () => {
  const adoptionOf = (log: InMemoryEventLog, running: readonly string[] = []) => {
    const store = new PostgresProjectionStore(tables.dataSource);
    const workers = { alive: () => Promise.resolve(new Set(running)) };
    const names = projections.map(({ table }) => table);
    const adoptions = new PostgresLogAdoptions(tables.dataSource, workers, names, [() => store.tryLead()]);
    return adoptLog({ log, memory, adoptions, clock: new SystemClock(), ids: new SystemIds() });
  };
  const webhookEvent = (id: string, type: string, data: object) => ({
    ...{ id, type, metadata: {} },
    data: { actor: { type: 'user', id: 'ann' }, reason: null, at: '2030-01-01T00:00:00.000Z', ...data } as never,
  });
  const subscribed = (webhookId: string) => {
    const filter = { eventTypes: [], projectId: null, executionId: null };
    return { webhookId, target: 'https://example.org/hook', description: null, filter };
  };

  /** Tables of one log with two webhooks, and another log that has one of them, disabled. */
  const exchanged = async () => {
    await catchUp(await history(), tables.dataSource);
    await memory.bind(ID);
    for (const id of [first, second]) {
      await sql(
        `insert into webhooks (id, url, state, target, event_types, created_at, overfull, revision)
         values ($1, 'https://example.org/hook?key', 'enabled', 'https://example.org/hook', '[]', now(), true, 7)`,
        [id],
      );
      await sql(
        `insert into webhook_secrets (webhook_id, id, secret, active, created_at) values ($1, $1, 's', true, now())`,
        [id],
      );
      await sql(`insert into webhook_lanes (webhook_id, stream, next_attempt_at) values ($1, 'workflow-x', now())`, [
        id,
      ]);
      await sql(
        `insert into webhook_deliveries (id, webhook_id, stream, revision, position, event_id, event_type, state, attempts, created_at)
         values ($1, $1, 'workflow-x', 0, 900, 'e', 'WorkflowStarted', 'pending', 0, now())`,
        [id],
      );
    }
    await sql(
      `insert into webhook_cursor (id, position, updated_at, event_position, event_id) values (1, 900, now(), 900, 'e')`,
    );
    const log = new InMemoryEventLog();
    const stream = `webhook-${first}`;
    await log.append(stream, [webhookEvent(second, 'WebhookSubscribed', subscribed(first))], 'none');
    await log.append(stream, [webhookEvent(first, 'WebhookDisabled', { cause: 'operator', reason: 'too loud' })], 0n);
    return log;
  };

  test('does nothing where the tables are of this log', async () => {
    const log = await history();
    await catchUp(log, tables.dataSource);
    const before = await rowsOf(tables.dataSource);
    expect(await adoptionOf(log)).toBeNull();
    expect(await rowsOf(tables.dataSource)).toEqual(before);
  });

  test('empties what was made of the other log, binds the tables to this one, and has webhooks go on behind its end', async () => {
    const log = await exchanged();
    const adopted = await adoptionOf(log);
    expect(adopted).toMatchObject({ givenUp: 2, removed: [{ id: second, target: 'https://example.org/hook' }] });
    const [named] = (await log.read(LOG_STREAM)).events;
    expect(named!.data).toEqual({ logId: adopted!.logId });
    const end = await log.head();
    expect(await memory.read()).toEqual({
      logId: adopted!.logId,
      places: [{ follower: 'the queue of webhooks', position: end, lastEvent: null }],
    });
    expect(Object.values(await rowsOf(tables.dataSource)).flat()).toEqual([]);
    for (const table of ['webhook_lanes', 'webhook_deliveries'])
      expect(await sql(`select * from ${table}`)).toEqual([]);
    expect(await sql('select id, state, revision, overfull, disabled from webhooks')).toEqual([
      {
        ...{ id: first, state: 'disabled', revision: '1', overfull: false },
        disabled: expect.objectContaining({ cause: 'operator', reason: 'too loud' }),
      },
    ]);
    expect(await sql('select webhook_id from webhook_secrets')).toEqual([{ webhook_id: first }]);
    expect(await adoptionOf(log)).toBeNull();
  });

  test('is refused while an instance runs or leads, and changes nothing then', async () => {
    const log = await exchanged();
    const before = await memory.read();
    await expect(adoptionOf(log, ['a', 'b'])).rejects.toThrow('no instance that runs, there are 2');
    const lease = await new PostgresProjectionStore(tables.dataSource).tryLead();
    await expect(adoptionOf(log)).rejects.toThrow('one leads');
    await lease!.close();
    expect(await memory.read()).toEqual(before);
  });
});
