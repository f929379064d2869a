/** Rows reach the clients of an instance in two ways: in process where it writes them itself, else by announcements. */
import fc from 'fast-check';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import type { RecordedEvent } from '../../../../src/application/log/event-log.js';
import type { HeldSink, Message } from '../../../application/live/live-world.js';
import { moves, playMoves, type Move } from '../../../application/projections/random-history.js';
import { eventually } from '../../../support/eventually.js';
import { empty, historyOf, openTables, type TestTables } from '../read-tables.js';
import { endSessions, sessionAround, shownOf, startInstance, writesOf, type Instance } from './instance.js';

const WRITER = 'workflow-executor-projections';
const LISTENER = 'workflow-executor-changes';
const EVENTS = 'workflow_events';

let tables: TestTables;
let dataSource: DataSource;
const instances: Instance[] = [];
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  tables = await openTables();
  ({ dataSource } = tables);
});
beforeEach(() => empty(dataSource));
const stopAll = async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
  await Promise.all(instances.splice(0).map((each) => each.stop()));
};
afterEach(stopAll);
afterAll(() => tables.close());

const start = async (id: string, options: Parameters<typeof startInstance>[2] = {}) => {
  const instance = await startInstance(dataSource, id, options);
  instances.push(instance);
  return instance;
};

const lead = async (instance: Instance) => {
  const lease = await eventually(async () => (await instance.tryLead()) ?? false, { everyMs: 5 });
  closing.push(() => lease.close());
  return lease;
};

const LONG = ['start', 'complete', 'start', 'fail', 'start', 'complete', 'start', 'complete'] as const;

const play = async (...verbs: readonly Move['verb'][]): Promise<RecordedEvent[]> => {
  const played = verbs.map((verb): Move => {
    return { execution: 0, verb, waitMs: 4_000, errorType: 'transient', output: { verb, text: 'ü💥' } };
  });
  return historyOf(await playMoves(played));
};

/** Everything that is announced, also to this client. */
const listen = async () => {
  const client = new pg.Client({ connectionString: (dataSource.options as { url: string }).url });
  await client.connect();
  closing.push(() => client.end());
  const heard: string[] = [];
  client.on('notification', ({ payload = '' }) => {
    const { table } = JSON.parse(payload) as { table?: string };
    if (table) heard.push(table);
  });
  await client.query('listen workflow_executor_changes');
  return { heard, settled: () => client.query('select') };
};

const revisions = ({ seen }: Instance) =>
  seen.filter(({ table }) => table === EVENTS).map(({ record }) => Number(record!['revision']));
const upTo = (events: readonly RecordedEvent[]) => events.map((_, index) => index);

/** Of a client of a stream, all messages but the snapshot at its beginning. */
const told = ({ messages }: HeldSink) => messages.slice(1).map(messageText);
const messageText = (message: Message) =>
  JSON.stringify(message, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));

const streaming = async (instance: Instance, filter: Parameters<Instance['stream']>[0]) => {
  const sink = instance.stream(filter);
  await eventually(() => sink.isOpen);
  return sink;
};

describe('both ways', () => {
  test('tell the same, row by row and message by message, of any history in any batches', async () => {
    const property = async (played: readonly Move[], batch: number, lateFrom: number) => {
      await empty(dataSource);
      const history = await historyOf(await playMoves(played));
      const [writer, other] = [await start('writer'), await start('other')];
      const filters = [{}, { state: 'completed' }, { projectId: 'nobody' }];
      const sinks = await Promise.all(
        [writer, other].map((each) => Promise.all(filters.map((filter) => streaming(each, filter)))),
      );
      const lease = await lead(writer);
      for (let at = 0; at < history.length; at += batch)
        await lease.apply(writesOf(history.slice(at, at + batch), at >= lateFrom));
      // What is there already changes nothing, and nobody is told of it.
      if (history.length > 0) await lease.apply(writesOf(history.slice(-2), true));
      await dataSource.query(`delete from workflow_events where revision = 0`);
      const deleted = history.filter(({ revision }) => revision === 0n).length;
      for (const { seen } of [writer, other])
        await eventually(() => seen.filter(({ type }) => type === 'DELETE').length === deleted);
      expect(shownOf(writer.seen)).toEqual(shownOf(other.seen));
      expect(revisions({ ...writer, seen: writer.seen.filter(({ type }) => type === 'INSERT') })).toHaveLength(
        history.length,
      );
      const times = writer.seen.map(({ at }, index) => Math.abs(Date.parse(at) - Date.parse(other.seen[index]!.at)));
      expect(Math.max(0, ...times)).toBeLessThan(2_000);
      const [here, there] = sinks as [HeldSink[], HeldSink[]];
      await eventually(() => there.every((sink, index) => told(sink).length === told(here[index]!).length));
      expect(here.map(told)).toEqual(there.map(told));
      expect([...writer.missed, ...other.missed, ...writer.errors, ...other.errors]).toEqual([]);
    };
    const anything = [moves, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 60 })] as const;
    const holds = fc.asyncProperty(...anything, (...chosen) => property(...chosen).finally(stopAll));
    await fc.assert(holds, { numRuns: 10, endOnFailure: true });
  }, 60_000);

  test('an id, an instant and JSON come as the table shows them', async () => {
    const [writer, other] = [await start('writer'), await start('other')];
    const lease = await lead(writer);
    const [event] = await play('start');
    const rows = ['2026-01-02T03:04:05.000Z', '2026-01-02T03:04:05.120Z', '0001-01-01T00:00:00.003Z'];
    const [, , write] = writesOf([event!]).sort((a, b) => (a.projection < b.projection ? 1 : -1));
    const { row } = write!.changes[0] as { row: Record<string, unknown> };
    const changes = rows.map((at, index) => ({
      op: 'insert' as const,
      row: {
        ...row,
        ...{
          execution_id: '{AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE}',
          revision: String(index),
          recorded_at: new Date(at),
        },
        ...{
          reason: 'a\0b\udc00',
          actor: { bb: 1, a: { z: undefined, ä: [1e21, '\0'] }, ['__proto__']: 1, '7': null },
        },
      },
    }));
    await lease.apply([{ ...write!, changes }]);
    await eventually(() => other.seen.length === rows.length && writer.seen.length === rows.length);
    expect(shownOf(writer.seen)).toEqual(shownOf(other.seen));
    expect([...writer.missed, ...other.missed]).toEqual([]);
    // Which of two rows is new cannot be seen where the table names them otherwise.
    await lease.apply([
      { ...write!, changes: [{ op: 'insert', row: { ...changes[0]!.row, revision: '9' } }, changes[1]!] },
    ]);
    await eventually(() => writer.missed.length === 1 && other.seen.length === rows.length + 1);
    expect(writer.seen).toHaveLength(rows.length);
  });
});

describe('what is announced', () => {
  test('is nothing while only clients of the instance that writes follow, and all for those of another', async () => {
    const writer = await start('writer', { follows: [EVENTS] });
    const { heard, settled } = await listen();
    const history = await play(...LONG);
    const lease = await lead(writer);
    await lease.apply(writesOf(history.slice(0, 2)));
    await settled();
    // The locks change hands between two transactions: the first may still be announced by the trigger.
    heard.length = 0;
    await lease.apply(writesOf(history.slice(2, 3)));
    await eventually(() => revisions(writer).length === 3);
    await settled();
    expect(heard).toEqual([]);
    const other = await start('other', { follows: [EVENTS] });
    await lease.apply(writesOf(history.slice(3)));
    await eventually(() => revisions(other).length === history.length - 3);
    await eventually(() => expect(new Set(heard)).toEqual(new Set([EVENTS])));
    await eventually(() => revisions(writer).length === history.length);
    expect(revisions(writer)).toEqual(upTo(history));
    expect(writer.seen.every(({ table }) => table === EVENTS)).toBe(true);
  });

  test('by others is heard where the tables are written too, in the order of the commits', async () => {
    const writer = await start('writer');
    const history = await play('start', 'complete');
    const session = await sessionAround(dataSource, writer.own, async (commit) => {
      await dataSource.query(
        `insert into workflow_steps select * from jsonb_populate_record(null::workflow_steps, $1)`,
        [JSON.stringify(OTHER_STEP)],
      );
      return commit();
    });
    closing.push(() => session.close());
    await session.apply(writesOf(history.slice(0, 1)));
    await eventually(() => revisions(writer).length === 1);
    expect(writer.seen[0]).toMatchObject({ table: 'workflow_steps', key: { id: OTHER_STEP.id } });
    expect(writer.seen.filter(({ key }) => key['id'] === OTHER_STEP.id)).toHaveLength(1);
  });

  test('a client that comes while rows are written has them in what it reads, or is told of them', async () => {
    const writer = await start('writer', { follows: [] });
    const history = await play('start', 'complete', 'start', 'complete', 'start', 'complete');
    const lease = await lead(writer);
    const sinks: HeldSink[] = [];
    for (const event of history) {
      const applied = lease.apply(writesOf([event]));
      sinks.push(writer.stream({}));
      await applied;
    }
    const last = history.at(-1)!.position;
    for (const sink of sinks) await eventually(() => sink.messages.some(({ id }) => id === last));
    for (const { messages } of sinks) {
      const ids = messages.filter(({ kind }) => kind === 'event').map(({ id }) => id);
      const begin = messages[0]!.id;
      expect(ids).toEqual(history.map(({ position }) => position).filter((position) => position > begin));
    }
  });
});

describe('where the lead changes', () => {
  const split = async (end: (writer: Instance) => Promise<unknown>) => {
    const history = await play(...LONG);
    const half = Math.floor(history.length / 2);
    const [first, second] = [await start('first'), await start('second')];
    const sinks = [await streaming(first, {}), await streaming(second, {})];
    const lease = await lead(first);
    for (const event of history.slice(0, half)) await lease.apply(writesOf([event]));
    await end(first);
    await lease.close();
    const next = await lead(second);
    for (const event of history.slice(half)) await next.apply(writesOf([event]));
    const last = history.at(-1)!.position;
    for (const { messages } of sinks) await eventually(() => messages.some(({ id }) => id === last));
    for (const { messages } of sinks)
      expect(messages.slice(1).map(({ id }) => id)).toEqual(history.map(({ position }) => position));
    return { first, second, history };
  };

  test('in order, each instance is told of each row once, and has missed nothing', async () => {
    const { first, second, history } = await split(async () => undefined);
    await eventually(() => revisions(first).length === history.length);
    expect([...first.missed, ...second.missed]).toEqual([]);
    expect(shownOf(first.seen)).toEqual(shownOf(second.seen));
  });

  test('as the connection is lost, clients of streams get each event once; others read again', async () => {
    const { first, second } = await split(() => endSessions(dataSource, WRITER));
    expect(first.missed).toEqual(['The session that writes the read tables was lost']);
    expect(second.missed).toEqual([]);
  });
});

describe('a commit whose answer is lost', () => {
  const cutAt = async (when: 'before' | 'after') => {
    const writer = await start('writer');
    const [event] = await play('start');
    const session = await sessionAround(dataSource, writer.own, async (commit, cut) => {
      if (when === 'after') await commit();
      cut();
      throw new Error('The connection is cut');
    });
    await expect(session.apply(writesOf([event!]))).rejects.toThrow('cut');
    await eventually(() => writer.missed.length === 1);
    expect(writer.missed).toEqual(['The session that writes the read tables was lost']);
    return revisions(writer);
  };

  test('is told once where it was committed', async () => {
    expect(await cutAt('after')).toEqual([0]);
  });

  test('is not told where it was not', async () => {
    expect(await cutAt('before')).toEqual([]);
  });
});

test('more rows than are kept are given up, and clients read again', async () => {
  const writer = await start('writer', { waiting: 2 });
  const history = await play('start', 'complete');
  const lease = await lead(writer);
  await lease.apply(writesOf(history.slice(0, 1)));
  await eventually(() => writer.missed.length === 1);
  expect(writer.missed).toEqual(['Changes of this instance were not kept']);
});

test('without a connection that listens nothing is told; the next one says so, and goes on', async () => {
  const writer = await start('writer', { follows: [EVENTS] });
  const history = await play('start', 'complete', 'start', 'complete');
  const lease = await lead(writer);
  await lease.apply(writesOf(history.slice(0, 1)));
  await eventually(() => revisions(writer).length === 1);
  await endSessions(dataSource, LISTENER);
  await eventually(() => writer.missed.length > 0);
  for (const event of history.slice(1)) await lease.apply(writesOf([event]));
  await eventually(() => revisions(writer).length === history.length);
  expect(revisions(writer)).toEqual(upTo(history));
});

const OTHER_STEP = {
  ...{ id: '22222222-2222-4222-8222-222222222222', execution_id: '33333333-3333-4333-8333-333333333333' },
  ...{ step_name: 'x', step_order: 1, agent: 'x', required: true, status: 'pending', attempt: 0, generation: 1 },
  ...{ retry_count: 0, max_retries: 0, artifacts: [], revision: 0 },
};
