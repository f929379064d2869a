/** Orders for executions that are held back: a skip takes two persons where actors are proven. */
import { TreatPoison, TreatPoisonHandler } from '../../../src/application/commands/treat-poison.js';
import type { Actor } from '../../../src/application/log/envelope.js';
import {
  PoisonOrders,
  type PlacedOrder,
  type PoisonOrder,
  type ProjectionRecords,
} from '../../../src/application/projections/admin/projection-records.js';
import type { Poison } from '../../../src/application/projections/projection-store.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { CountingIds } from '../../support/saga-world.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

class KeptOrders extends PoisonOrders {
  readonly placed: PlacedOrder[] = [];
  place(order: PoisonOrder) {
    this.placed.push({ ...order, doneAt: null, outcome: null });
    return Promise.resolve();
  }
  find(id: string) {
    return Promise.resolve(this.placed.find((order) => order.id === id) ?? null);
  }
  pending() {
    return Promise.resolve(this.placed);
  }
  done() {
    return Promise.resolve();
  }
  latest() {
    return Promise.resolve(this.placed);
  }
}

const person = (id: string): Actor => ({ type: 'user', id, issuer: 'https://id', via: 'oidc', verified: true });

const heldBack = () => {
  const clock = new VirtualClock();
  const log = new InMemoryEventLog(() => clock.now());
  const orders = new KeptOrders();
  const poison: Poison = {
    ...{ projection: 'workflow_steps', executionId: 'e', position: 9n, revision: 3n, eventId: 'x' },
    ...{ error: 'broken', at: clock.now() },
  };
  const records = { poison: () => Promise.resolve(poison) } as unknown as ProjectionRecords;
  const handler = new TreatPoisonHandler(log, records, orders, new CountingIds('e'), clock);
  const treat = (actor: Actor, action: 'retry' | 'skip' = 'skip', idempotencyKey: string | null = null) => {
    const caller = { actor, reason: `${actor.id} says so`, idempotencyKey, traceparent: null };
    return handler.execute(new TreatPoison('workflow_steps', 'e', action, `${actor.id} says so`, caller));
  };
  return { orders, treat };
};

test('the first person proposes, and nothing is ordered; the second has it done', async () => {
  const { orders, treat } = heldBack();
  const proposed = await treat(person('ann'));
  expect(proposed).toMatchObject({ order: null, awaiting: { actor: { id: 'ann' }, reason: 'ann says so' } });
  expect(await treat(person('ann'))).toEqual(proposed);
  expect(orders.placed).toEqual([]);
  const { order, awaiting } = await treat(person('rita'));
  expect([order, awaiting]).toEqual([expect.objectContaining({ action: 'skip', actor: person('rita') }), null]);
  expect(orders.placed).toHaveLength(1);
});

test('a repeat of the confirmation under one key is the same order', async () => {
  const { orders, treat } = heldBack();
  await treat(person('ann'));
  const first = await treat(person('rita'), 'skip', 'k');
  orders.placed.splice(0);
  // As where the instance died between the event and the order.
  expect((await treat(person('rita'), 'skip', 'k')).order!.id).toBe(first.order!.id);
  expect(orders.placed).toHaveLength(1);
});

test('a retry, and a skip by whom nothing proves, need nobody else', async () => {
  const { treat } = heldBack();
  expect((await treat(person('ann'), 'retry')).order).toMatchObject({ action: 'retry' });
  expect((await treat({ type: 'user', id: 'ann' })).order).toMatchObject({ action: 'skip' });
});
