/** Executions that are held back and whose later events someone has cut off: going on behind the gap would be skipping them. */
import { Applier, Progress } from '../../../src/application/projections/applier.js';
import type { Projection } from '../../../src/application/projections/projection.js';
import type { Poison } from '../../../src/application/projections/projection-store.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { CountingIds } from '../../support/saga-world.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { InMemoryProjectionStore } from './in-memory.projection-store.js';

const seen: Projection = {
  table: 'seen',
  version: 1,
  project: ({ recorded }) => [{ op: 'insert', row: { id: recorded.id } }],
};

const heldBack = async (...executions: readonly string[]) => {
  const clock = new VirtualClock();
  const log = new InMemoryEventLog(() => clock.now());
  const [store, ids] = [new InMemoryProjectionStore(), new CountingIds('1')];
  const poisoned: Poison[] = [];
  for (const executionId of executions) {
    const events = Array.from({ length: 5 }, () => ({ id: ids.uuid(), type: 'Strange', data: {}, metadata: {} }));
    await log.append(`workflow-${executionId}`, events, 'none');
    const { id: eventId, position, revision } = (await log.read(`workflow-${executionId}`)).events[1]!;
    poisoned.push({ projection: 'seen', executionId, position, revision, eventId, error: 'odd', at: clock.now() });
  }
  const progress = new Progress({ position: (await log.head()) as bigint, lastEventAt: null }, poisoned);
  const lease = (await store.tryLead())!;
  const applier = new Applier(lease, [seen], new Map([['seen', progress]]), clock, { poisoned: 10 });
  const order = (action: 'retry' | 'skip') => ({
    ...{ id: 'o', projection: 'seen', executionId: executions[0]!, action, revision: 1n },
    ...{ actor: { type: 'user', id: 'ann' } as const, reason: 'r', placedAt: clock.now() },
  });
  return { log, store, progress, applier, order };
};

test.each(['retry', 'skip'] as const)('a %s leaves it held back, and says why', async (action) => {
  const { log, store, progress, applier, order } = await heldBack('x');
  await log.truncate('workflow-x', 4n);
  expect(await applier.carryOut(order(action), log)).toMatch(/^nothing: .* damaged: expected revision [12], got 4/);
  expect(progress.poisoned).toMatchObject([{ executionId: 'x', revision: 1n }]);
  expect(store.writes).toEqual([]);
});

test.each([
  ['cut', (log: InMemoryEventLog) => log.truncate('workflow-x', 4n)],
  ['tombstoned', async (log: InMemoryEventLog) => log.tombstone('workflow-x')],
])('one that was %s keeps no other from being healed', async (_what, hurt) => {
  const { log, progress, applier } = await heldBack('x', 'y');
  await hurt(log);
  await applier.heal(log);
  expect(progress.poisoned.map(({ executionId }) => executionId)).toEqual(['x']);
});
