import { appendWithRetry } from '../../src/application/log/append.js';
import {
  AppendOutcomeUnknown,
  LogUnavailable,
  RevisionConflict,
  type Appended,
  type ExpectedRevision,
  type NewEvent,
} from '../../src/application/log/event-log.js';
import { InMemoryEventLog } from '../support/in-memory.event-log.js';
import { VirtualClock } from '../support/virtual-clock.js';

const LIMITS = { maximumTries: 3, initialPauseMs: 100 };
const event = (id: string): NewEvent => ({ id, type: 'Tested', data: {}, metadata: {} });

/** A log whose first answers get lost, before or after the events are in. */
class LossyLog extends InMemoryEventLog {
  constructor(private readonly losses: ('before' | 'after' | 'refused')[]) {
    super();
  }
  override async append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<Appended> {
    const loss = this.losses.shift();
    if (loss === 'before') throw new AppendOutcomeUnknown('connection lost');
    if (loss === 'refused') throw new LogUnavailable('not now');
    const done = await super.append(stream, events, expected);
    if (loss === 'after') throw new AppendOutcomeUnknown('connection lost');
    return done;
  }
}

const append = async (log: InMemoryEventLog, events: readonly NewEvent[], expected: ExpectedRevision) => {
  const clock = new VirtualClock();
  const outcome = appendWithRetry(log, clock, 's', events, expected, LIMITS).catch((error: unknown) => error);
  await clock.pass(60_000);
  return outcome;
};

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
    const outcome = appendWithRetry(log, clock, 's', [event('a')], 'none', LIMITS);
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

  test('is given up as unavailable after the tries that are allowed', async () => {
    const log = new LossyLog(['before', 'before', 'before']);
    expect(await append(log, [event('a')], 'none')).toBeInstanceOf(LogUnavailable);
  });
});
