/** What two persons do to read tables: where actors are proven, nobody does it alone. */
import { DutiesNotSeparate, type DutyActor } from '../../../src/domain/access/duties.js';
import { fold } from '../../../src/domain/decider.js';
import type { ProjectionEvent } from '../../../src/domain/projection/events.js';
import { poisonOrders } from '../../../src/domain/projection/poison-orders.js';
import { projectionLife, type ProjectionCommand } from '../../../src/domain/projection/rebuild.js';

const person = (id: string): DutyActor => ({ type: 'user', id, issuer: 'https://id', verified: true });
const [ann, rita, claimed] = [person('ann'), person('rita'), { type: 'user', id: 'ann' }] as const;
const at = (hour: number) => new Date(Date.UTC(2030, 0, 1, hour)).toISOString();

const requested = (actor: DutyActor, require: 'zero-diff' | 'none' = 'zero-diff'): ProjectionCommand => ({
  type: 'RequestRebuild',
  data: {
    ...{ rebuildId: 'r', projection: 'p', require, cause: 'operator', version: 1 },
    ...{ actor, reason: 'why', at: at(0) },
  },
});
const compared = (changed: number): ProjectionCommand => ({
  type: 'RecordComparison',
  data: {
    ...{ rebuildId: 'r', at: at(1) },
    comparison: {
      ...{ position: '9', live: 1, rebuilt: 1, added: 0, removed: 0, changed },
      ...{ samples: [], events: 1, buildMs: 1, compareMs: 1 },
    },
  },
});
const approve = (actor: DutyActor): ProjectionCommand => ({
  ...{ type: 'ApproveRebuild', data: { rebuildId: 'r', actor, reason: 'why', at: at(2) } },
});
const swapped: ProjectionCommand = {
  ...{ type: 'RecordSwap', data: { rebuildId: 'r', position: '9', version: 1, at: at(3) } },
};
const drop = (actor: DutyActor, hour = 4): ProjectionCommand => ({
  ...{ type: 'DropPrevious', data: { actor, reason: 'why', at: at(hour) } },
});

const run = (...commands: readonly ProjectionCommand[]) =>
  commands.reduce<readonly ProjectionEvent[]>(
    (events, command) => [...events, ...projectionLife.decide(command, fold(projectionLife, events))],
    [],
  );
const last = (...commands: readonly ProjectionCommand[]) => run(...commands).at(-1)!.type;
const live = (actor: DutyActor) => [requested(actor), compared(0), swapped];

describe('a rebuild', () => {
  it('is not approved by who ordered it', () => {
    expect(() => run(requested(ann), compared(1), approve(ann))).toThrow(DutiesNotSeparate);
    expect(last(requested(ann), compared(1), approve(rita))).toBe('RebuildApproved');
  });

  it('is not approved in advance, by an order to swap whatever differs', () => {
    expect(() => run(requested(ann, 'none'))).toThrow(DutiesNotSeparate);
    expect(last(requested(claimed, 'none'))).toBe('RebuildRequested');
  });

  it('is approved by anyone where nothing proves who asks', () => {
    expect(last(requested(claimed), compared(1), approve(claimed))).toBe('RebuildApproved');
  });
});

describe('the previous table', () => {
  it('is dropped once a second person asks for the same', () => {
    expect(last(...live(ann), drop(ann))).toBe('PreviousTableDropProposed');
    expect(last(...live(ann), drop(ann), drop(rita))).toBe('PreviousTableDropped');
  });

  it('is not dropped by one who asks twice', () => {
    expect(run(...live(ann), drop(ann), drop(ann, 5))).toEqual(run(...live(ann), drop(ann)));
  });

  it('is not dropped on a proposal of yesterday', () => {
    expect(last(...live(ann), drop(ann, 4), drop(rita, 27))).toBe('PreviousTableDropped');
    expect(last(...live(ann), drop(ann, 4), drop(rita, 28))).toBe('PreviousTableDropProposed');
  });

  it('is dropped at once where nothing proves who asks', () => {
    expect(last(...live(claimed), drop(claimed))).toBe('PreviousTableDropped');
  });

  it('has no proposal after another swap', () => {
    const again = fold(projectionLife, run(...live(ann), drop(ann), requested(rita)));
    expect(again.dropProposed).toBeNull();
  });
});

describe('an event is skipped', () => {
  const skip = (actor: DutyActor, orderId: string, revision = '3', hour = 0) => ({
    type: 'SkipPoison' as const,
    data: {
      ...{ orderId, projection: 'p', executionId: 'e', revision, error: 'broken' },
      ...{ actor, reason: 'why', at: at(hour) },
    },
  });
  const orders = (...commands: readonly ReturnType<typeof skip>[]) =>
    commands.reduce<ReturnType<typeof poisonOrders.decide>>(
      (events, command) => [...events, ...poisonOrders.decide(command, fold(poisonOrders, events))],
      [],
    );
  const types = (...commands: readonly ReturnType<typeof skip>[]) => orders(...commands).map(({ type }) => type);

  it('by two persons', () => {
    expect(types(skip(ann, 'o1'), skip(ann, 'o2'), skip(rita, 'o3'))).toEqual([
      ...['PoisonSkipProposed', 'PoisonSkipOrdered'],
    ]);
    expect(fold(poisonOrders, orders(skip(ann, 'o1'), skip(rita, 'o3')))).toEqual({
      ...{ ordered: ['o3'], skipProposed: null },
    });
  });

  it('and not on a proposal for another event, or one of yesterday', () => {
    expect(types(skip(ann, 'o1'), skip(rita, 'o2', '4'))).toEqual(['PoisonSkipProposed', 'PoisonSkipProposed']);
    expect(types(skip(ann, 'o1'), skip(rita, 'o2', '3', 24))).toEqual(['PoisonSkipProposed', 'PoisonSkipProposed']);
  });

  it('at once where nothing proves who asks', () => {
    expect(types(skip(claimed, 'o1'))).toEqual(['PoisonSkipOrdered']);
  });
});
