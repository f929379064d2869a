import {
  Leadership,
  leadNotices,
  type Lease,
  type LeaderSession,
} from '../../../src/application/runtime/leadership.js';
import { CountingIds } from '../../support/saga-world.js';
import { settle } from '../../../src/testing/real-time.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const PAUSE_MS = 1_000;
const NO_LEASE = 'another instance leads';

/** One lease at a time, which the test gives, takes away, and sees come back. Everything is noted in order. */
const world = (more: { pauseMs?: (error: unknown) => number; begin?: () => Promise<void> } = {}) => {
  const clock = new VirtualClock();
  const notes: string[] = [];
  let answer: (() => Promise<'a lease' | typeof NO_LEASE>) | null = null;
  let lost = new AbortController();
  let fail: (error: Error) => void = () => undefined;

  const tryLead = async (): Promise<Lease | null> => {
    notes.push('try');
    if ((await answer?.()) === NO_LEASE) return null;
    const own = (lost = new AbortController());
    return { lost: own.signal, close: async () => void notes.push('close') };
  };
  const begin = async (lease: Lease): Promise<LeaderSession> => {
    await more.begin?.();
    return {
      serve: (stopping) =>
        new Promise((resolve, reject) => {
          notes.push('serve');
          fail = reject;
          const over = AbortSignal.any([stopping, lease.lost]);
          if (over.aborted) resolve();
          over.addEventListener('abort', () => resolve(), { once: true });
        }),
    };
  };
  const leadership = new Leadership({
    clock,
    ids: new CountingIds('1'),
    tryLead,
    begin,
    pauseMs: (failure) => (failure && more.pauseMs?.(failure.error)) ?? PAUSE_MS,
    onFailure: ({ error, isLost }) => notes.push(`${isLost ? 'failed, lost' : 'failed'}: ${(error as Error).message}`),
    notices: leadNotices('leads', (level, line) => notes.push(`${level}: ${line}`)),
  });
  return {
    ...{ clock, notes, leadership },
    answerWith: (next: NonNullable<typeof answer>) => (answer = next),
    lose: () => lost.abort(),
    fail: (message: string) => fail(new Error(message)),
    /** What was noted since the last look. */
    seen: async () => {
      await settle();
      return notes.splice(0);
    },
  };
};

const BEGUN = 'log: This instance leads from now on';
const ENDED = 'log: This instance no longer leads';

test('the instance that gets the lease begins a session and says so', async () => {
  const w = world();
  expect(w.leadership.session).toBeNull();
  w.leadership.start();
  expect(await w.seen()).toEqual(['try', BEGUN, 'serve']);
  expect(w.leadership.session).not.toBeNull();
  await w.leadership.stop();
});

test('an instance that does not get the lease tries again after each pause, and says nothing', async () => {
  const w = world();
  w.answerWith(async () => NO_LEASE);
  w.leadership.start();
  await w.clock.pass(2.5 * PAUSE_MS);
  expect(await w.seen()).toEqual(['try', 'try', 'try']);
  expect(w.leadership.session).toBeNull();
  w.answerWith(async () => 'a lease');
  await w.clock.pass(PAUSE_MS);
  expect(await w.seen()).toEqual(['try', BEGUN, 'serve']);
  await w.leadership.stop();
});

test('a session ends when the lease is lost, the lease is closed, and the instance tries again after the pause', async () => {
  const w = world();
  w.leadership.start();
  await w.seen();
  w.lose();
  expect(await w.seen()).toEqual([ENDED, 'close']);
  expect(w.leadership.session).toBeNull();
  await w.clock.pass(PAUSE_MS - 1);
  expect(await w.seen()).toEqual([]);
  await w.clock.pass(1);
  expect(await w.seen()).toEqual(['try', BEGUN, 'serve']);
  await w.leadership.stop();
});

test('a failure of the session is reported once the lease is closed, and the instance tries again', async () => {
  const w = world();
  w.leadership.start();
  await w.seen();
  w.fail('disk full');
  expect(await w.seen()).toEqual([ENDED, 'close', 'failed: disk full']);
  await w.clock.pass(PAUSE_MS);
  expect(await w.seen()).toEqual(['try', BEGUN, 'serve']);
  await w.leadership.stop();
});

test('a failure after the lease was lost says so', async () => {
  const w = world();
  w.leadership.start();
  await w.seen();
  w.fail('the connection is gone');
  w.lose();
  expect(await w.seen()).toEqual([ENDED, 'close', 'failed, lost: the connection is gone']);
  await w.leadership.stop();
});

test('a session that cannot begin was never begun: its lease is closed and the failure reported', async () => {
  const w = world({ begin: () => Promise.reject(new Error('no state')) });
  w.leadership.start();
  expect(await w.seen()).toEqual(['try', 'close', 'failed: no state']);
  expect(w.leadership.session).toBeNull();
  await w.leadership.stop();
});

test('a failed attempt to lead is reported, and the failure may lengthen the pause', async () => {
  const w = world({ pauseMs: () => 3 * PAUSE_MS });
  w.answerWith(() => Promise.reject(new Error('the database is away')));
  w.leadership.start();
  expect(await w.seen()).toEqual(['try', 'failed: the database is away']);
  await w.clock.pass(3 * PAUSE_MS - 1);
  expect(await w.seen()).toEqual([]);
  await w.clock.pass(1);
  expect(await w.seen()).toEqual(['try', 'failed: the database is away']);
  await w.leadership.stop();
});

test('an instance that is stopped while it tries to lead gives the lease back, and reports no failure', async () => {
  for (const outcome of ['a lease', NO_LEASE, new Error('cut off')] as const) {
    const w = world();
    let answer: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (answer = resolve));
    w.answerWith(() => asked.then(() => (outcome instanceof Error ? Promise.reject(outcome) : outcome)));
    w.leadership.start();
    await w.seen();
    const stopped = w.leadership.stop();
    answer();
    // A session that begins all the same ends at once.
    expect(await w.seen()).toEqual(outcome === 'a lease' ? [BEGUN, 'serve', ENDED, 'close'] : []);
    await stopped;
    expect(w.leadership.session).toBeNull();
    expect(w.clock.untilNext).toBeNull();
  }
});

test('an instance that is stopped while it leads ends the session, then closes the lease, and tries no more', async () => {
  const w = world();
  w.leadership.start();
  await w.seen();
  await w.leadership.stop();
  expect(await w.seen()).toEqual([ENDED, 'close']);
  await w.clock.pass(10 * PAUSE_MS);
  expect(await w.seen()).toEqual([]);
});

test('an instance that is stopped during the pause stops at once', async () => {
  const w = world();
  w.answerWith(async () => NO_LEASE);
  w.leadership.start();
  await w.seen();
  await w.leadership.stop();
  expect(w.clock.untilNext).toBeNull();
});
