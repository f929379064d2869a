/** Rebuilds in bulk, by stream and by position, held against the tables that the live applier writes event by event. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { keepPlace } from '../../../src/application/log/recorded-place.js';
import { projections } from '../../../src/application/projections/index.js';
import { onFailpoint, type Failpoint } from '../../../src/application/runtime/failpoint.js';
import {
  Rebuilder,
  DEFAULT_REBUILDER_LIMITS,
  type RebuilderLimits,
} from '../../../src/application/rebuild/rebuilder.js';
import { Rebuilds } from '../../../src/application/rebuild/rebuilds.js';
import type { Json } from '../../../src/domain/json.js';
import { PostgresProjectionStore } from '../../../src/infrastructure/postgres/projections/postgres-projection-store.js';
import { PostgresRebuildStore } from '../../../src/infrastructure/postgres/rebuild/postgres-rebuild-store.js';
import { SystemClock, SystemIds } from '../../../src/infrastructure/system/clock-and-ids.js';
import { EXECUTIONS, moves, playMoves } from '../../application/projections/random-history.js';
import type { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { catchUp, empty, openTables, rowsOf, type TestTables } from './read-tables.js';
import { storeEvents } from './stored-events.js';

const [clock, ids] = [new SystemClock(), new SystemIds()];
const NEVER = new AbortController().signal;
let tables: TestTables;
let store: PostgresProjectionStore;
beforeAll(async () => {
  tables = await openTables();
  store = new PostgresProjectionStore(tables.dataSource);
});
afterAll(() => tables.close());
beforeEach(() => clean());
afterEach(() => onFailpoint(null));

const clean = async () => {
  for (const area of ['shadow', 'previous'])
    await tables.dataSource.query(`drop schema if exists public_${area} cascade`);
  await empty(tables.dataSource);
};

const ORDERS = ['stream', 'position'] as const;
type Order = (typeof ORDERS)[number];
const names = projections.map(({ table }) => table);

const world = async (log: InMemoryEventLog, order: Order, more: Partial<RebuilderLimits> = {}) => {
  const rebuildStore = new PostgresRebuildStore(tables.dataSource, store, clock);
  const rebuilds = new Rebuilds({ log, clock, store: rebuildStore }, projections);
  const streams = order === 'stream' ? { streams: await storeEvents(tables, log) } : {};
  const ports = { store: rebuildStore, rebuilds, log, clock, ids, ...streams };
  const limits = { ...DEFAULT_REBUILDER_LIMITS, batch: 7, rangeEvents: 20, ...more };
  return { rebuilds, rebuilder: new Rebuilder(ports, projections, limits, () => undefined) };
};

const requested = async (rebuilds: Rebuilds, list: readonly string[] = names) => {
  for (const table of list) {
    const asked = { commandId: ids.uuid(), at: clock.now(), actor: { type: 'user', id: 'ann' } as const, reason: null };
    await rebuilds.request(table, { require: 'zero-diff' }, { ...asked, causationId: null, traceparent: null });
  }
};

const swapped = async (rebuilds: Rebuilds, list: readonly string[] = names) => {
  for (const table of list) {
    const { rebuild } = await rebuilds.view(table);
    expect(rebuild).toMatchObject({ phase: 'swapped', comparison: { added: 0, removed: 0, changed: 0 } });
  }
};

/** All that projections write, but for the moments at which they did. */
const everything = async () => ({
  rows: await rowsOf(tables.dataSource),
  poison: await tables.dataSource.query(
    `select projection, execution_id, position, revision, event_id, error from projection_poison order by 1, 2`,
  ),
  checkpoints: await tables.dataSource.query(
    `select projection, position, last_event_at, version, events, event_position, event_id
     from projection_checkpoints order by 1`,
  ),
});

const seeded = (seed: number) => playMoves(fc.sample(moves, { seed, numRuns: 1 })[0]!);

/** What no history of this application has: each is refused, passed by or taken as the live applier does. */
const spoiled = async (log: InMemoryEventLog) => {
  const first = log.eventAt(0);
  const append = async (stream: string, type: string, data: Json, metadata: Json = first.metadata as Json) => {
    const { revision } = await log.read(stream);
    await log.append(stream, [{ id: randomUUID(), type, data, metadata }], revision);
  };
  const born = first.data as Readonly<Record<string, Json>>;
  const own = (stepIds = ['a', 'b', 'c'].map(() => randomUUID())) => ({ ...born, stepIds });
  const stream = () => `workflow-${randomUUID()}`;
  const [unborn, unreadable, unwritable, late, moved] = [stream(), stream(), stream(), stream(), stream()];
  await append('workflow-not-a-uuid', 'WorkflowStarted', own());
  await append(unborn, 'WorkflowCompleted', {});
  await append(unborn, 'Foreign', { '\u0000': 'half \ud800' }, null);
  await append(unreadable, 'WorkflowStarted', own());
  await append(unreadable, 'WorkflowPaused', {}, { of: 'another program' });
  await append(unreadable, 'WorkflowResumed', {});
  await append(unwritable, 'WorkflowStarted', own());
  const far = { ...(first.metadata as Record<string, Json>), occurredAt: '+200000-01-01T00:00:00.000Z' };
  await append(unwritable, 'WorkflowResumed', {}, far);
  await append(unwritable, 'WorkflowResumed', {});
  await append(late, 'Foreign', { text: 'a\tb\\c\nd\r"' }, null);
  await append(late, 'WorkflowStarted', own());
  const place = { position: 17n, recordedAt: new Date('2020-01-02T03:04:05.678Z') };
  const kept = keepPlace(Buffer.from(JSON.stringify(first.metadata)), true, place);
  await append(moved, 'WorkflowStarted', own(), JSON.parse(kept.toString()) as Json);
  await append(`workflow-${EXECUTIONS[0]}`, 'Foreign', [1, 2.5, 'x\u0000y']);
  log.tombstone(late);
};

test.each(ORDERS)('by %s: whatever the history, the tables are those of the live applier', async (order) => {
  await fc.assert(
    fc.asyncProperty(moves, fc.constantFrom(1, 7, 40, 500), async (played, batch) => {
      await clean();
      const log = await playMoves(played);
      await catchUp(log, tables.dataSource);
      const live = await everything();
      const { rebuilds, rebuilder } = await world(log, order, { batch, foldedBytes: 20_000, pageBytes: 5_000 });
      await requested(rebuilds);
      await rebuilder.work(NEVER);
      await swapped(rebuilds);
      expect(await everything()).toEqual(live);
    }),
    { numRuns: 3 },
  );
});

test.each(ORDERS)(
  'by %s: poison, foreign, moved, tombstoned and unwritable events are what they are live',
  async (order) => {
    const log = await seeded(3);
    await spoiled(log);
    await catchUp(log, tables.dataSource);
    const live = await everything();
    expect(live.poison.length).toBeGreaterThanOrEqual(6);
    const { rebuilds, rebuilder } = await world(log, order);
    await requested(rebuilds);
    await rebuilder.work(NEVER);
    await swapped(rebuilds);
    expect(await everything()).toEqual(live);
  },
);

test.each(ORDERS)('by %s: a single table', async (order) => {
  const log = await seeded(11);
  await spoiled(log);
  await catchUp(log, tables.dataSource);
  const live = await everything();
  for (const table of names) {
    const { rebuilds, rebuilder } = await world(log, order);
    await requested(rebuilds, [table]);
    await rebuilder.work(NEVER);
    await swapped(rebuilds, [table]);
  }
  expect(await everything()).toEqual(live);
});

describe.each(ORDERS)('by %s: an event that touches the rows of another execution', (order) => {
  const of = async (write: (log: InMemoryEventLog) => Promise<void>) => {
    const log = await seeded(3);
    await write(log);
    await catchUp(log, tables.dataSource);
    const live = await everything();
    const { rebuilds, rebuilder } = await world(log, order);
    await requested(rebuilds);
    await rebuilder.work(NEVER);
    await swapped(rebuilds);
    expect(await everything()).toEqual(live);
  };

  test('that has the same steps', () =>
    of(async (log) => {
      const { data, metadata } = log.eventAt(0);
      const one = { id: randomUUID(), type: 'WorkflowStarted', data: data as Json, metadata: metadata as Json };
      await log.append(`workflow-${randomUUID()}`, [one], 'none');
    }));

  test('whose step it skips', () =>
    of(async (log) => {
      const { data, metadata } = log.eventAt(0);
      const error = { type: 'fatal', code: 'X', message: 'of another' };
      const skip = { stepId: (data as { stepIds: string[] }).stepIds[0]!, attempt: 1, error };
      const one = { id: randomUUID(), type: 'StepSkipped', data: skip, metadata: metadata as Json };
      const noise = Array.from({ length: 40 }, () => ({ id: randomUUID(), type: 'Foreign', data: {}, metadata: null }));
      await log.append(`workflow-${randomUUID()}`, [...noise, one], 'none');
    }));
});

describe('a builder that dies', () => {
  const places: readonly (readonly [Order, Failpoint, number])[] = [
    ['stream', 'inside-a-range', 3],
    ['stream', 'before-reach', 2],
    ['stream', 'after-reach', 1],
    ['stream', 'before-indexes', 1],
    ['stream', 'before-checkpoint', 1],
    ['stream', 'after-commit', 1],
    ['stream', 'bulk-finished', 1],
    ['position', 'inside-a-range', 3],
    ['position', 'before-reach', 2],
    ['position', 'after-reach', 1],
  ];

  test.each(places)('by %s, at %s, the %i. time, leaves it to the next one', async (order, name, nth) => {
    const log = await seeded(11);
    await spoiled(log);
    await catchUp(log, tables.dataSource);
    const live = await everything();
    const first = await world(log, order);
    await requested(first.rebuilds);
    let left = nth;
    onFailpoint((at) => {
      if ((at === name && --left <= 0) || left <= 0) throw new Error('killed');
    });
    await expect(first.rebuilder.work(NEVER)).rejects.toThrow('killed');
    onFailpoint(null);
    const { rebuilds, rebuilder } = await world(log, order);
    await rebuilder.work(NEVER);
    await swapped(rebuilds);
    expect(await everything()).toEqual(live);
  });
});

test('a builder with whose pass another has gone on commits nothing', async () => {
  const log = await seeded(11);
  const session = (await new PostgresRebuildStore(tables.dataSource, store, clock).tryBuild())!;
  const begin = { pass: randomUUID(), order: 'stream', to: 1_000n, total: 10 } as const;
  await session.prepare('workflow_events', randomUUID(), begin);
  const pass = (await session.passes()).get('workflow_events')!;
  const [present, stale] = [await session.bulkWriter(), await session.bulkWriter()];
  await stale.add(pass, new Map(), [log.eventAt(0)]);
  await present.reach(pass, { ...pass, reached: 'workflow-1' });
  await expect(stale.reach(pass, { ...pass, reached: 'workflow-2' })).rejects.toThrow('another builder has gone on');
  await stale.close();
  expect((await session.passes()).get('workflow_events')?.reached).toBe('workflow-1');
  expect(await present.later(pass, 'start', 10)).toEqual([]);
  await session.close();
});
