import { randomUUID } from 'node:crypto';
import { positionOf, type SubscriptionMessage } from '../../../src/application/log/event-log.js';
import { CatchUps, type CatchUpFollower } from '../../../src/infrastructure/eventstore/catch-up.js';
import { DEFAULT_CATCH_UP_LIMITS } from '../../../src/infrastructure/eventstore/shared-reading.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';

class Counted extends InMemoryEventLog {
  begun = 0;
  open = 0;
  delivered = 0;
  override async *subscribe(options: Parameters<InMemoryEventLog['subscribe']>[0]) {
    this.begun++;
    this.open++;
    try {
      for await (const message of super.subscribe(options)) {
        this.delivered++;
        yield message;
      }
    } finally {
      this.open--;
    }
  }
}

const LIMITS = { ...DEFAULT_CATCH_UP_LIMITS, events: 20, companyMs: 0, patienceMs: 30 };
const { signal } = new AbortController();

/** `count` events of two streams in turns. */
const world = async (count: number, limits = LIMITS) => {
  const log = new Counted();
  for (let index = 0; index < count; index++) {
    const event = { id: randomUUID(), type: 'T', data: { index }, metadata: {} };
    const revision = index >> 1;
    await log.append(
      `sub-${index % 2 === 0 ? 'even' : 'odd'}`,
      [event],
      revision === 0 ? 'none' : BigInt(revision - 1),
    );
  }
  const begun = log.begun;
  const catchUps = new CatchUps(log, ['sub-'], limits);
  const follow = (prefix = 'sub-', after: bigint | 'start' = 'start') =>
    catchUps.follow({ prefix, after, signal }, -1n);
  return { log, follow, subscriptions: () => log.begun - begun };
};

const next = async (follower: CatchUpFollower): Promise<SubscriptionMessage> => {
  const { value } = await follower.next();
  return value as SubscriptionMessage;
};

const indexOf = (message: SubscriptionMessage): number | null =>
  message.kind === 'event' ? (message.event.data as { index: number }).index : null;

/** The numbers of the events up to the end. */
const rest = async (follower: CatchUpFollower): Promise<readonly number[]> => {
  const seen: number[] = [];
  for (let message = await next(follower); message.kind !== 'caught-up'; message = await next(follower))
    if (message.kind === 'event') seen.push(indexOf(message)!);
  return seen;
};

const numbers = (count: number, from = 0, step = 1) =>
  Array.from({ length: Math.ceil((count - from) / step) }, (_, index) => from + index * step);

test('followers near each other read the log once, each its own streams, in order', async () => {
  const { log, follow, subscriptions } = await world(200);
  const all = [follow(), follow('sub-even'), follow('sub-odd'), follow('sub-', 6n)];
  const seen = await Promise.all(all.map(rest));
  expect(seen[0]).toEqual(numbers(200));
  expect(seen[1]).toEqual(numbers(200, 0, 2));
  expect(seen[2]).toEqual(numbers(200, 1, 2));
  expect(seen[3]).toHaveLength(seen[0]!.length - seen[0]!.indexOf(seen[3]![0]!));
  expect(subscriptions()).toBe(1);
  for (const follower of all) follower.leave();
  expect(log.delivered).toBeLessThanOrEqual(201);
});

test('the log is not read beyond what is kept while a follower takes nothing', async () => {
  const { log, follow } = await world(200);
  const follower = follow();
  await next(follower);
  await new Promise((resolve) => setImmediate(resolve));
  expect(log.delivered).toBeLessThanOrEqual(LIMITS.events + 1);
  expect(await rest(follower)).toEqual(numbers(200, 1));
});

test('a follower that stands still holds nobody back for long, and misses nothing', async () => {
  const { follow, subscriptions } = await world(200);
  const [still, quick] = [follow(), follow()];
  expect(indexOf(await next(still))).toBe(0);
  expect(await rest(quick)).toEqual(numbers(200));
  expect(await rest(still)).toEqual(numbers(200, 1));
  expect(subscriptions()).toBe(2);
});

test('a follower that comes when the beginning is no longer kept reads by itself', async () => {
  const { follow, subscriptions } = await world(200);
  const first = follow();
  for (let count = 0; count < 100; count++) await next(first);
  expect(await Promise.all([rest(first), rest(follow())])).toEqual([numbers(200, 100), numbers(200)]);
  expect(subscriptions()).toBe(2);
});

test('a follower that comes up to another reading goes on with that one', async () => {
  const { log, follow, subscriptions } = await world(200);
  const [ahead, behind] = [follow('sub-', 10n), follow()];
  const first = indexOf(await next(ahead))!;
  const both = await Promise.all([rest(ahead), rest(behind)]);
  expect(both).toEqual([numbers(200, first + 1), numbers(200)]);
  expect(subscriptions()).toBe(2);
  expect(log.delivered).toBeLessThan(300);
});

test('streams that a follower does not want move its position', async () => {
  const { follow } = await world(10);
  const follower = follow('sub-none');
  const seen = [await next(follower), await next(follower)];
  expect(seen.map(({ kind }) => kind)).toContain('caught-up');
  expect(seen.map(positionOf).some((position) => position !== null && position > 0n)).toBe(true);
});

test('a lost subscription is a loss for each of its followers, behind what had come', async () => {
  const log = new Counted();
  await log.append('sub-a', [{ id: randomUUID(), type: 'T', data: { index: 0 }, metadata: {} }], 'none');
  const dying = {
    head: () => log.head(),
    subscribe: async function* (asked: Parameters<InMemoryEventLog['subscribe']>[0]) {
      for await (const message of log.subscribe(asked)) {
        if (message.kind === 'caught-up') throw new Error('cut');
        yield message;
      }
    },
  };
  const catchUps = new CatchUps(dying, ['sub-'], LIMITS);
  const both = [0, 1].map(() => catchUps.follow({ prefix: 'sub-', after: 'start', signal }, -1n));
  for (const follower of both) expect(indexOf(await next(follower))).toBe(0);
  for (const follower of both) await expect(next(follower)).rejects.toThrow('cut');
});
