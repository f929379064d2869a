import fc from 'fast-check';
import { fullBucket, giveTokenBack, hasToken, nextTokenAt, takeToken } from '../../src/domain/bucket.js';

const limit = { calls: 4, windowMs: 1_000 };
const emptyAt = (now: number) =>
  Array.from({ length: 4 }).reduce<ReturnType<typeof fullBucket>>(
    (bucket) => takeToken(bucket, limit, now),
    fullBucket(limit, now),
  );

test('after a burst of four the next call may go a quarter of the window later', () => {
  const empty = emptyAt(0);
  expect(nextTokenAt(empty, limit, 0)).toBe(250);
  expect([hasToken(empty, limit, 249), hasToken(empty, limit, 250)]).toEqual([false, true]);
});

test('a token that is given back may be taken again, and does not overfill', () => {
  expect(hasToken(giveTokenBack(emptyAt(0), limit, 0), limit, 0)).toBe(true);
  expect(giveTokenBack(fullBucket(limit, 0), limit, 0).tokens).toBe(4);
});

test('a clock that is set back neither fills nor blocks it', () => {
  const empty = takeToken(takeToken(emptyAt(1_000_000), limit, 1_000_250), limit, 0);
  expect(hasToken(empty, limit, 0)).toBe(false);
  expect(nextTokenAt(empty, limit, 0)).toBe(250);
});

test('without a limit there is always a token', () => {
  const none = { calls: 0, windowMs: 1_000 };
  expect(hasToken(takeToken(fullBucket(none, 0), none, 0), none, 0)).toBe(true);
  expect(nextTokenAt(fullBucket(none, 0), none, 7)).toBe(7);
});

const rate = fc.record({ calls: fc.integer({ min: 1, max: 50 }), windowMs: fc.integer({ min: 1, max: 10_000 }) });

test('no stretch of time has more calls than the burst and its share of the windows', () => {
  fc.assert(
    fc.property(rate, fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 }), (limit, pauses) => {
      let [bucket, now] = [fullBucket(limit, 0), 0];
      const calls: number[] = [];
      for (const pause of pauses) {
        now += pause;
        if (!hasToken(bucket, limit, now)) continue;
        bucket = takeToken(bucket, limit, now);
        calls.push(now);
      }
      for (const [first, from] of calls.entries()) {
        const most = limit.calls * (1 + (now - from) / limit.windowMs);
        expect(calls.length - first).toBeLessThanOrEqual(most + 0.01);
      }
    }),
  );
});

test('at the time it names there is a token, and two milliseconds earlier there is none', () => {
  fc.assert(
    fc.property(rate, fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 100 }), (limit, pauses) => {
      let [bucket, now] = [fullBucket(limit, 0), 0];
      for (const pause of pauses) {
        now += pause;
        if (hasToken(bucket, limit, now)) bucket = takeToken(bucket, limit, now);
      }
      const at = nextTokenAt(bucket, limit, now);
      expect(hasToken(bucket, limit, at)).toBe(true);
      if (at - 2 > now) expect(hasToken(bucket, limit, at - 2)).toBe(false);
    }),
  );
});
