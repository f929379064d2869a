import type { Projection } from '../../../src/application/projections/projection.js';
import { DEFAULT_RUNNER_LIMITS, ProjectionRunner } from '../../../src/application/projections/runner.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { CountingIds } from '../../support/saga-world.js';
import { settle } from '../../../src/testing/real-time.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { InMemoryProjectionStore } from './in-memory.projection-store.js';

/** One row for each event of whatever type. */
const seen: Projection = {
  table: 'seen',
  version: 1,
  project: ({ recorded }) => [{ op: 'insert', row: { id: recorded.id } }],
};

const world = (more: Partial<typeof DEFAULT_RUNNER_LIMITS> = {}) => {
  const clock = new VirtualClock();
  const log = new InMemoryEventLog(() => clock.now());
  const store = new InMemoryProjectionStore();
  const ids = new CountingIds('1');
  const errors: string[] = [];
  const limits = { ...DEFAULT_RUNNER_LIMITS, quietMs: 0, ...more };
  const appends = { appendsUnderWay: 0 };
  const runner = new ProjectionRunner(
    { store, log, clock, ids, appends: { log: appends, clock } },
    [seen],
    limits,
    (message, error) => errors.push(`${message}: ${String(error)}`),
  );
  let revision: bigint | 'none' = 'none';
  const append = async (count: number, stream = 'workflow-x', type = 'Strange') => {
    const events = Array.from({ length: count }, () => ({ id: ids.uuid(), type, data: {}, metadata: {} }));
    const expected = stream === 'workflow-x' ? revision : 'none';
    const appended = await log.append(stream, events, expected);
    if (stream === 'workflow-x') revision = appended.revision;
    return appended.position;
  };
  const batches = () => store.writes.map(([write]) => write!.changes.length);
  const checkpoint = async () => (await store.checkpoints()).get('seen')?.position;
  return { clock, log, store, runner, errors, append, appends, batches, checkpoint };
};

test('what comes in while the store is busy is one batch, of the size allowed', async () => {
  const w = world({ batch: 4 });
  w.runner.start();
  await settle();
  const release = w.store.keepBusy();
  await w.append(1);
  await settle();
  await w.append(3);
  await w.append(3);
  await settle();
  release();
  await settle();
  expect(w.batches()).toEqual([1, 4, 2]);
  await w.runner.stop();
});

test('what comes while an append is under way is one batch, once the log has answered', async () => {
  const w = world();
  w.runner.start();
  await settle();
  w.appends.appendsUnderWay = 1;
  await w.append(2);
  await w.clock.pass(5);
  await w.append(2);
  await w.clock.pass(5);
  expect(w.batches()).toEqual([]);
  w.appends.appendsUnderWay = 0;
  await w.clock.pass(1);
  expect(w.batches()).toEqual([4]);
  await w.runner.stop();
});

test('an append that follows at once, as an agent answers at once, goes first too', async () => {
  const w = world({ answersFirstMs: 25, quietMs: 3 });
  w.runner.start();
  await settle();
  for (let step = 0; step < 4; step++) {
    w.appends.appendsUnderWay = 1;
    await w.append(1);
    await w.clock.pass(2);
    w.appends.appendsUnderWay = 0;
    await w.clock.pass(2);
  }
  expect(w.batches()).toEqual([]);
  await w.clock.pass(3);
  expect(w.batches()).toEqual([4]);
  await w.runner.stop();
});

test('the end of an execution waits for no append', async () => {
  const w = world({ answersFirstMs: 1_000 });
  w.runner.start();
  await settle();
  w.appends.appendsUnderWay = 1;
  await w.append(1, 'workflow-y', 'WorkflowCompleted');
  await settle();
  expect(w.store.writes).toHaveLength(1);
  await w.runner.stop();
});

test('appends that are always under way hold a batch back for a bounded time, and a large one not at all', async () => {
  const w = world({ answersFirstMs: 25, gatherAfter: 50 });
  w.runner.start();
  await settle();
  w.appends.appendsUnderWay = 1;
  await w.append(1);
  await w.clock.pass(24);
  expect(w.batches()).toEqual([]);
  await w.clock.pass(1);
  expect(w.batches()).toEqual([1]);
  await w.append(50);
  await w.clock.pass(1);
  expect(w.batches()).toEqual([1, 50]);
  await w.runner.stop();
});

test('a runner that stops waits for no append', async () => {
  const w = world({ answersFirstMs: 1_000 });
  w.runner.start();
  await settle();
  w.appends.appendsUnderWay = 1;
  await w.append(1);
  await settle();
  await w.runner.stop();
  expect(w.runner.status().leading).toBe(false);
});

test('a store that stays busy does not make the runner read on: at most `buffered` events wait', async () => {
  const w = world({ batch: 2, buffered: 5 });
  let given = 0;
  const subscribe = w.log.subscribe.bind(w.log);
  w.log.subscribe = async function* (options) {
    for await (const signal of subscribe(options)) {
      if (signal.kind === 'event') given++;
      yield signal;
    }
  };
  const release = w.store.keepBusy();
  await w.append(100);
  w.runner.start();
  await settle();
  // One batch in the store, five in the queue, one in the hand of whoever fills it.
  expect(given).toBeLessThanOrEqual(2 + 5 + 1);
  release();
  for (let round = 0; round < 60 && !w.runner.status().caughtUp; round++) await settle();
  expect(w.batches().reduce((sum, each) => sum + each)).toBe(100);
  await w.runner.stop();
});

test('where only other streams have events, the checkpoint moves all the same, at a bounded rate', async () => {
  const w = world({ checkpointEveryMs: 5_000 });
  const first = await w.append(1);
  w.runner.start();
  await settle();
  expect(await w.checkpoint()).toBe(first);
  await w.append(1, 'other-1');
  await settle();
  expect(await w.checkpoint()).toBe(first);
  await w.clock.pass(5_000);
  const later = await w.append(1, 'other-2');
  await settle();
  expect(await w.checkpoint()).toBe(later);
  await w.append(1, 'other-3');
  await settle();
  expect(await w.checkpoint()).toBe(later);
  expect(w.store.writes).toHaveLength(2);
  await w.runner.stop();
});

test('the runner shows where it stands', async () => {
  const w = world();
  expect(w.runner.status()).toEqual({
    leading: false,
    caughtUp: false,
    position: 'start',
    lastEventAt: null,
    poisoned: 0,
  });
  const position = await w.append(2);
  w.runner.start();
  await settle();
  expect(w.runner.status()).toEqual({
    leading: true,
    caughtUp: true,
    position,
    lastEventAt: new Date('2030-01-01T00:00:00.000Z'),
    poisoned: 0,
  });
  await w.runner.stop();
  expect(w.runner.status()).toMatchObject({ leading: false, caughtUp: false });
});

test('the runner stops when it loses the lead, tries again after a while, and goes on where it was', async () => {
  const w = world();
  await w.append(2);
  w.runner.start();
  await settle();
  w.store.takeAway();
  await settle();
  expect(w.runner.status().leading).toBe(false);
  await w.append(1);
  await settle();
  const before = w.batches();
  expect(before.reduce((sum, each) => sum + each)).toBe(2);
  await w.clock.pass(1_500);
  expect(w.batches()).toEqual([...before, 1]);
  expect(w.errors).toEqual([]);
  await w.runner.stop();
});

test('a write that is under way when another takes the lead is no error: the next leader makes it', async () => {
  const w = world();
  w.runner.start();
  await settle();
  const release = w.store.keepBusy();
  await w.append(2);
  await settle();
  w.store.takeAway();
  release();
  await settle();
  expect(w.runner.status().leading).toBe(false);
  expect(w.errors).toEqual([]);
  await w.clock.pass(1_500);
  expect(w.batches().reduce((sum, each) => sum + each)).toBe(2);
  await w.runner.stop();
});

test('a write that fails while the lead is held is logged', async () => {
  const w = world();
  const tryLead = w.store.tryLead.bind(w.store);
  w.store.tryLead = async () => {
    const session = await tryLead();
    return session && { ...session, apply: () => Promise.reject(new Error('disk full')) };
  };
  await w.append(1);
  w.runner.start();
  await settle();
  expect(w.errors).toEqual(['The projections stopped and start again: Error: disk full']);
  await w.runner.stop();
});
