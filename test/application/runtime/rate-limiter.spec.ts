import { OpenCount, RateLimiter } from '../../../src/application/runtime/rate-limiter.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const limiter = (keys = 100) => {
  const clock = new VirtualClock();
  const made = new RateLimiter({ calls: 10, windowMs: 5_000 }, clock, keys);
  const taken = (key: string, times: number) =>
    Array.from({ length: times }, () => made.take(key)).filter((waitMs) => waitMs === 0).length;
  return { clock, made, taken };
};

describe('a rate limit of each key', () => {
  it('allows a burst, then one in each part of the window, and says how long to wait', async () => {
    const { clock, made, taken } = limiter();
    expect(taken('a', 12)).toBe(10);
    expect(made.take('a')).toBe(500);
    await clock.pass(500);
    expect([taken('a', 2), taken('b', 12)]).toEqual([1, 10]);
    await clock.pass(60_000);
    expect(taken('a', 12)).toBe(10);
  });

  it('does not let a key that is refused over and over wait longer', async () => {
    const { clock, made, taken } = limiter();
    taken('a', 10);
    for (let ms = 0; ms < 500; ms += 100) {
      expect(made.take('a')).toBe(500 - ms);
      await clock.pass(100);
    }
    expect(made.take('a')).toBe(0);
  });

  it('remembers so many keys: new ones share a bucket, while those that are known keep their own', () => {
    const { made, taken } = limiter(100);
    expect(taken('known', 5)).toBe(5);
    const let_in = Array.from({ length: 10_000 }, (_, index) => made.take(`key-${index}`)).filter(
      (ms) => ms === 0,
    ).length;
    expect([made.size, let_in]).toEqual([101, 99 + 10]);
    expect(taken('known', 10)).toBe(5);
  });

  it('forgets keys that have rested', async () => {
    const { clock, made } = limiter(100);
    for (let index = 0; index < 100; index++) made.take(`old-${index}`);
    await clock.pass(5_000);
    for (let index = 0; index < 50; index++) expect(made.take(`new-${index}`)).toBe(0);
    expect(made.size).toBe(100);
  });

  it('is none at 0', () => {
    const made = new RateLimiter({ calls: 0, windowMs: 1 }, new VirtualClock(), 1);
    expect([made.take('a'), made.take('b'), made.size]).toEqual([0, 0, 0]);
  });
});

describe('a count of what is open', () => {
  it('has room again when one ends, however often it is ended', () => {
    const count = new OpenCount(2);
    const ends = [count.take('a'), count.take('a')];
    expect([count.take('a'), count.take('b')]).toEqual([null, expect.any(Function)]);
    ends[0]!();
    ends[0]!();
    expect([count.take('a'), count.take('a')]).toEqual([expect.any(Function), null]);
  });

  it('remembers nobody who has nothing open', () => {
    const count = new OpenCount(1);
    for (let index = 0; index < 1_000; index++) count.take(`key-${index}`)!();
    expect(count.size).toBe(0);
  });
});
