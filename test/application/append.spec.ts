import { Patience } from '../../src/application/log/append.js';
import {
  AppendOutcomeUnknown,
  AppendRefused,
  AppendsPaused,
  LogUnavailable,
  RevisionConflict,
  type Appended,
  type ExpectedRevision,
  type NewEvent,
} from '../../src/application/log/event-log.js';
import { InMemoryEventLog } from '../../src/testing/in-memory.event-log.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

const LIMITS = { orderMs: 5_000, initialPauseMs: 100, maximumPauseMs: 1_000 };
const event = (id: string): NewEvent => ({ id, type: 'Tested', data: {}, metadata: {} });

/** How an append goes: its request or its answer is lost, the server refuses it, or says nothing for ever. */
type Fate = 'before' | 'after' | 'refused' | 'denied' | 'silent' | 'paused';

/** A log whose first answers get lost, before or after the events are in. The last fate may be that of all further appends. */
class LossyLog extends InMemoryEventLog {
  tries = 0;
  reads: (() => void)[] = [];
  constructor(
    private readonly fates: Fate[],
    private readonly then: Fate | null = null,
  ) {
    super();
  }
  override async append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<Appended> {
    this.tries += 1;
    const fate = this.fates.shift() ?? this.then;
    if (fate === 'before') throw new AppendOutcomeUnknown('connection lost');
    if (fate === 'refused') throw new LogUnavailable('not now');
    if (fate === 'denied') throw new AppendRefused('denied', 'no right');
    if (fate === 'paused') throw new AppendsPaused('not tried');
    if (fate === 'silent') return new Promise(() => undefined);
    const done = await super.append(stream, events, expected);
    if (fate === 'after') throw new AppendOutcomeUnknown('connection lost');
    return done;
  }
  override async read(stream: string, from?: bigint) {
    this.reads.shift()?.();
    return super.read(stream, from);
  }
}

const order = (log: InMemoryEventLog, events: readonly NewEvent[], expected: ExpectedRevision, clock: VirtualClock) => {
  const patience = new Patience(clock, LIMITS);
  return patience.during(() => patience.append(log, 's', events, expected));
};

/** How it ended, and after how many milliseconds. */
const ended = async (log: InMemoryEventLog, events: readonly NewEvent[], expected: ExpectedRevision) => {
  const clock = new VirtualClock();
  const begun = clock.now().getTime();
  const over = order(log, events, expected, clock)
    .catch((error: unknown) => error)
    .then((outcome) => ({ outcome, afterMs: clock.now().getTime() - begun }));
  await clock.pass(60_000);
  return over;
};

const append = async (...asked: Parameters<typeof ended>) => (await ended(...asked)).outcome;

describe('an append without a clear answer', () => {
  test('is made again under the same ids when it had not arrived', async () => {
    const log = new LossyLog(['before', 'refused']);
    expect(await append(log, [event('a')], 'none')).toMatchObject({ revision: 0n });
    expect((await log.read('s')).events).toHaveLength(1);
  });

  test('is recognised when it had arrived: once in the log, and a success', async () => {
    const log = new LossyLog(['after', 'after']);
    expect(await append(log, [event('a'), event('b')], 'none')).toMatchObject({ revision: 1n });
    expect((await log.read('s')).events.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  test('is recognised when it had arrived and others wrote after it', async () => {
    const log = new LossyLog(['after']);
    const clock = new VirtualClock();
    const outcome = order(log, [event('a')], 'none', clock);
    await clock.pass(50);
    await log.append('s', [event('rival')], 0n);
    await clock.pass(60_000);
    expect(await outcome).toMatchObject({ revision: 0n });
  });

  test('is recognised although the log is away for a moment when it is looked for', async () => {
    const log = new LossyLog(['after']);
    log.reads = [
      () => {
        throw new LogUnavailable('away');
      },
    ];
    const clock = new VirtualClock();
    const outcome = order(log, [event('a')], 'none', clock);
    await clock.pass(50);
    await log.append('s', [event('rival')], 0n);
    await clock.pass(60_000);
    expect(await outcome).toMatchObject({ revision: 0n });
  });

  test('is a conflict when another writer was first', async () => {
    const log = new LossyLog(['before']);
    await InMemoryEventLog.prototype.append.call(log, 's', [event('rival')], 'none');
    expect(await append(log, [event('a')], 'none')).toBeInstanceOf(RevisionConflict);
  });
});

describe('after all tries of an order, which take 5 s together at most', () => {
  test('one that was refused each time was certainly not carried out', async () => {
    const { outcome, afterMs } = await ended(new LossyLog([], 'refused'), [event('a')], 'none');
    expect(outcome).toBeInstanceOf(LogUnavailable);
    expect(afterMs).toBe(4_500); // a try that begins later may have no answer in time
  });

  test('one whose last try is refused in time was certainly not carried out', async () => {
    const clock = new VirtualClock();
    const log = new LossyLog([]);
    log.append = () =>
      new Promise((_, reject) => void clock.wakeAfter(4_900, () => reject(new LogUnavailable('not now'))));
    const over = order(log, [event('a')], 'none', clock).catch((error: unknown) => error);
    await clock.pass(60_000);
    expect(await over).toBeInstanceOf(LogUnavailable);
  });

  test.each<[string, Fate[], Fate]>([
    ['had no answer', [], 'before'],
    ['had no answer once and was refused then', ['before'], 'refused'],
    ['was refused once and had no answer then', ['refused'], 'before'],
    ['hangs', [], 'silent'],
    ['was refused and hangs', ['refused'], 'silent'],
  ])('one that %s may or may not have been carried out', async (_, fates, then) => {
    const log = new LossyLog(fates, then);
    const { outcome, afterMs } = await ended(log, [event('a')], 'none');
    expect(outcome).toBeInstanceOf(AppendOutcomeUnknown);
    expect(afterMs).toBe(then === 'silent' ? 5_000 : 4_500);
    const { tries } = log;
    await ended(new LossyLog([]), [event('b')], 'none');
    expect(log.tries).toBe(tries);
  });

  test('the time bounds the tries, not their number alone', async () => {
    const log = new LossyLog([], 'refused');
    await ended(log, [event('a')], 'none');
    expect(log.tries).toBeLessThan(15);
  });
});

describe('no second try is made', () => {
  test('of what is refused for good', async () => {
    const log = new LossyLog(['denied']);
    const { outcome, afterMs } = await ended(log, [event('a')], 'none');
    expect([outcome, afterMs, log.tries]).toEqual([expect.any(AppendRefused), 0, 1]);
  });

  test('of what was refused for good after a try in doubt: whether that one got there is not known', async () => {
    expect(await append(new LossyLog(['before', 'denied']), [event('a')], 'none')).toBeInstanceOf(AppendOutcomeUnknown);
  });

  test('while no append of any order is answered', async () => {
    const log = new LossyLog(['paused']);
    const { outcome, afterMs } = await ended(log, [event('a')], 'none');
    expect([outcome, afterMs, log.tries]).toEqual([expect.any(AppendsPaused), 0, 1]);
  });
});
