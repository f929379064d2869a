import { followLog } from '../../../src/application/log/follow-log.js';
import type { EventLog, SubscriptionMessage } from '../../../src/application/log/event-log.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { CountingIds } from '../../support/saga-world.js';
import { settle } from '../../../src/testing/real-time.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const world = (log: EventLog = new InMemoryEventLog()) => {
  const clock = new VirtualClock();
  const ids = new CountingIds('1');
  const ending = new AbortController();
  const seen: SubscriptionMessage[] = [];
  const errors: unknown[] = [];
  let ended = false;
  const follow = (after: bigint | 'start' = 'start') => {
    const { signal } = ending;
    const limits = { initialPauseMs: 100, maximumPauseMs: 1_000 };
    const onError = (error: unknown) => errors.push(error);
    const following = async () => {
      for await (const each of followLog({ log, clock, ids, prefix: 'workflow-', after, signal, onError, limits })) {
        seen.push(each);
      }
      ended = true;
    };
    return following();
  };
  const types = () => seen.flatMap((each) => (each.kind === 'event' ? [each.event.type] : []));
  return { log, clock, ids, ending, seen, errors, follow, types, hasEnded: () => ended };
};

const event = (id: number, type: string) => ({
  id: `00000000-0000-4000-8000-00000000000${id}`,
  type,
  data: {},
  metadata: {},
});

test('after a loss it goes on behind the last event, and nothing comes twice', async () => {
  const w = world();
  const log = w.log as InMemoryEventLog;
  await log.append('workflow-x', [event(1, 'A'), event(2, 'B')], 'none');
  const following = w.follow();
  await settle();
  log.disconnect(new Error('cut'));
  await settle();
  await log.append('workflow-x', [event(3, 'C')], 1n);
  await w.clock.pass(100);
  expect(w.types()).toEqual(['A', 'B', 'C']);
  expect(w.errors).toEqual([new Error('cut')]);
  w.ending.abort();
  await settle();
  expect(w.hasEnded()).toBe(true);
  await following;
});

test('a checkpoint counts as a place to go on from', async () => {
  const asked: unknown[] = [];
  const log = new InMemoryEventLog();
  log.subscribe = async function* ({ after }) {
    asked.push(after);
    if (asked.length === 1) yield { kind: 'checkpoint', position: 700n };
    throw new Error('cut');
  };
  const w = world(log);
  const following = w.follow(500n);
  await w.clock.pass(200);
  expect(asked.slice(0, 2)).toEqual([500n, 700n]);
  w.ending.abort();
  await following;
});

test('the pause doubles up to its maximum, spread by the jitter, and begins anew after a success', async () => {
  const log = new InMemoryEventLog();
  const times: number[] = [];
  let works = false;
  const w = world(log);
  log.subscribe = async function* () {
    times.push(w.clock.now().getTime());
    if (works) yield { kind: 'caught-up' };
    throw new Error('down');
  };
  const following = w.follow();
  await w.clock.pass(3_000);
  const pauses = times.slice(1).map((time, index) => time - times[index]!);
  // CountingIds' jitter is 0.5, which makes three quarters of each pause.
  expect(pauses.slice(0, 6)).toEqual([75, 150, 300, 600, 750, 750]);
  works = true;
  times.length = 0;
  await w.clock.pass(1_000);
  expect(times[1]! - times[0]!).toBe(75);
  w.ending.abort();
  await following;
});

test('a subscription that ends without being asked to is a loss', async () => {
  const log = new InMemoryEventLog();
  log.subscribe = async function* () {
    yield { kind: 'caught-up' };
  };
  const w = world(log);
  const following = w.follow();
  await w.clock.pass(100);
  expect(w.seen.length).toBeGreaterThan(1);
  expect(w.errors[0]).toEqual(new Error('The subscription ended without being asked to'));
  w.ending.abort();
  await following;
});

test('asked to end while it waits to try again, it ends at once', async () => {
  const log = new InMemoryEventLog();
  log.subscribe = () => {
    throw new Error('down');
  };
  const w = world(log);
  const following = w.follow();
  await settle();
  w.ending.abort();
  await following;
  expect(w.errors).toHaveLength(1);
});
