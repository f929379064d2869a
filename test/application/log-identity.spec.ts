import {
  EventLog,
  LogMismatch,
  LogUnavailable,
  type NewEvent,
  type RecordedEvent,
} from '../../src/application/log/event-log.js';
import { GuardedEventLog } from '../../src/application/log/guarded.event-log.js';
import {
  DEFAULT_IDENTITY_LIMITS,
  differenceOf,
  lookAt,
  LogIdentity,
  LogMemory,
  LOG_STREAM,
  type FollowerPlace,
} from '../../src/application/log/log-identity.js';
import type { Ids } from '../../src/application/log/ids.js';
import { InMemoryEventLog } from '../../src/testing/in-memory.event-log.js';
import { settle } from '../../src/testing/real-time.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

const uuid = (number: number) => `00000000-0000-8000-8000-${String(number).padStart(12, '0')}`;
const happened = (number: number): NewEvent => ({ id: uuid(number), type: 'Happened', data: {}, metadata: {} });

/** What a database remembers. Counts how often it is asked. */
class Memory extends LogMemory {
  logId: string | null = null;
  places: readonly FollowerPlace[] = [];
  looks = 0;
  failure: Error | null = null;

  async read() {
    this.looks += 1;
    if (this.failure) throw this.failure;
    return { logId: this.logId, places: this.places };
  }

  async bind(logId: string) {
    this.logId ??= logId;
  }
}

/** A log of so many events, each in a stream of its own, whose ids begin at `from`. */
const logOf = async (count: number, from = 1): Promise<InMemoryEventLog> => {
  const log = new InMemoryEventLog();
  for (let number = from; number < from + count; number++)
    await log.append(`workflow-${number}`, [happened(number)], 'none');
  return log;
};

const withId = async (log: InMemoryEventLog, logId: string): Promise<InMemoryEventLog> => {
  await log.append(LOG_STREAM, [{ id: logId, type: 'LogIdentified', data: { logId }, metadata: {} }], 'none');
  return log;
};

/** A connection that leads to one log, and may lead to another later. */
const open = (first: EventLog) => {
  const clock = new VirtualClock();
  const memory = new Memory();
  const lines: string[] = [];
  let made = 900;
  const ids = { uuid: () => uuid(++made) } as Ids;
  const wire = { log: first };
  const log = new Proxy(first, {
    get: (_target, name) => {
      const member: unknown = Reflect.get(wire.log, name);
      return typeof member === 'function' ? (member.bind(wire.log) as unknown) : member;
    },
  });
  const notify = (level: string, line: string) => void lines.push(`${level}: ${line}`);
  const identity = new LogIdentity({ log, memory, clock, ids, notify });
  return { clock, memory, lines, ids, wire, log, identity, guarded: new GuardedEventLog(log, identity) };
};

/** Waits for what may need time to pass. */
const inTime = async <T>({ clock }: { clock: VirtualClock }, asked: Promise<T>): Promise<T> => {
  asked.catch(() => undefined);
  for (let passed = 0; passed < DEFAULT_IDENTITY_LIMITS.confirmMs + 100; passed += 100) await clock.pass(100);
  return asked;
};

const place = (position: bigint, lastEvent: FollowerPlace['lastEvent'] = null): FollowerPlace => ({
  ...{ follower: 'workflow_steps', position, lastEvent },
});
const at = (number: number): FollowerPlace => {
  const position = BigInt(number) * 100n;
  return place(position, { position, id: uuid(number) });
};
const OURS = uuid(500);

describe('a log without an id', () => {
  test('gets one, which the database keeps', async () => {
    const world = open(await logOf(2));
    await world.identity.check();
    await settle();
    const { events } = await world.wire.log.read(LOG_STREAM);
    expect(events).toMatchObject([{ type: 'LogIdentified', data: { logId: world.memory.logId } }]);
    expect(events[0]!.metadata).toMatchObject({ hash: expect.any(String), previousHash: null });
  });

  test('gets one id from two instances that come at once', async () => {
    const world = open(await logOf(1));
    const other = open(world.wire.log);
    await Promise.all([world.identity.check(), other.identity.check()]);
    await settle();
    expect((await world.wire.log.read(LOG_STREAM)).events).toHaveLength(1);
    expect(other.memory.logId).toBe(world.memory.logId);
  });

  test('gets none where the tables are of another', async () => {
    const world = open(await logOf(2));
    world.memory.places = [at(7)];
    await expect(inTime(world, world.identity.check())).rejects.toThrow(LogMismatch);
    await settle();
    expect((await world.wire.log.read(LOG_STREAM)).revision).toBe('none');
    expect(world.memory.logId).toBeNull();
  });
});

test('a database without an id keeps that of the log', async () => {
  const world = open(await withId(await logOf(1), OURS));
  await world.identity.check();
  await settle();
  expect(world.memory.logId).toBe(OURS);
  expect((await world.wire.log.read(LOG_STREAM)).events).toHaveLength(1);
});

describe('compared with the database', () => {
  const compared = async (log: EventLog, logId: string | null, ...places: readonly FollowerPlace[]) => {
    const remembered = { logId, places };
    return differenceOf(remembered, await lookAt(log, remembered));
  };

  test('the log that the tables were made of is the right one, also where it has gone on', async () => {
    const log = await withId(await logOf(4), OURS);
    expect(await compared(log, OURS, at(4), at(2))).toBeNull();
    expect(await compared(log, OURS)).toBeNull();
  });

  test('a place between two events is one that the log may have had', async () => {
    expect(await compared(await withId(await logOf(4), OURS), OURS, place(350n, at(3).lastEvent))).toBeNull();
  });

  test.each([
    ['empty', () => logOf(0), 'it is empty, and workflow_steps has read up to 400'],
    [
      'an older copy',
      async () => withId(await logOf(2), OURS),
      'it ends at position 300, and workflow_steps has read up to 400',
    ],
    ['another one', async () => withId(await logOf(9, 20), uuid(501)), `its id is ${uuid(501)}, expected ${OURS}`],
    ['one without an id', () => logOf(9), `its id is missing, expected ${OURS}`],
    [
      'an older copy that has gone on',
      async () => {
        const log = await withId(await logOf(2), OURS);
        for (let number = 60; number < 70; number++) await log.append(`workflow-${number}`, [happened(number)], 'none');
        return log;
      },
      `at position 400, where workflow_steps has read event ${uuid(4)}, event ${uuid(60)} stands`,
    ],
  ])('a log is not the right one where it is %s', async (_what, logOfCase, difference) => {
    expect(await compared(await logOfCase(), OURS, at(4))).toContain(difference);
  });

  test('nor where no event begins at a position, be it one of an event or one to go on from', async () => {
    const log = await withId(await logOf(4), OURS);
    const mark = { position: 350n, id: uuid(3) };
    expect(await compared(log, OURS, place(350n, mark))).toContain(`read event ${uuid(3)}, no event begins`);
    const refusing = Object.assign(Object.create(log) as EventLog, { at: () => Promise.resolve('inside') });
    expect(await compared(refusing, OURS, place(350n))).toContain(
      'at position 350, where workflow_steps has to go on, no event begins',
    );
  });

  test('a place that an earlier version has stored is compared by the log end and the id alone', async () => {
    const log = await withId(await logOf(4, 30), OURS);
    expect(await compared(log, OURS, place(400n))).toBeNull();
    expect(await compared(log, null, place(400n))).toBeNull();
    expect(await compared(log, OURS, place(600n))).toContain('ends at position 500');
  });

  test('tables that are behind the log are simply caught up', async () => {
    expect(await compared(await withId(await logOf(9), OURS), OURS, at(1), place(50n))).toBeNull();
  });
});

describe('another log', () => {
  const another = async () => {
    const world = open(await withId(await logOf(4), OURS));
    Object.assign(world.memory, { logId: OURS, places: [at(4)] });
    await world.identity.check();
    const right = world.wire.log;
    const wrong = await logOf(1, 80);
    world.wire.log = wrong;
    world.identity.suspect();
    return { ...world, right, wrong };
  };

  test('is neither read, followed nor written to, and one line says so, with the verb that helps', async () => {
    const world = await another();
    await expect(inTime(world, world.guarded.append('workflow-new', [happened(81)], 'none'))).rejects.toThrow(
      LogMismatch,
    );
    const { signal } = new AbortController();
    const follow = async () => {
      for await (const _ of world.guarded.subscribe({ prefix: 'workflow-', after: 400n, signal })) return;
    };
    for (const call of [
      () => world.guarded.append('workflow-new', [happened(81)], 'none'),
      () => world.guarded.read('workflow-80'),
      () => world.guarded.readPage('workflow-80', { direction: 'forwards', from: 0n, limit: 1 }),
      () => world.guarded.head(),
      () => world.guarded.page('start', 1),
      () => world.guarded.at(100n),
      follow,
    ])
      await expect(call()).rejects.toThrow(
        /ends at position 100, and workflow_steps has read up to 400.*eventstore:adopt/,
      );
    expect(world.wrong.length).toBe(1);
    expect(world.lines).toEqual([expect.stringMatching(/^error: The event log is not the one/)]);
    expect(await world.identity.health()).toMatchObject({
      ok: false,
      detail: expect.stringContaining('eventstore:adopt'),
    });
  });

  test('is looked at once a second, however often it is asked for', async () => {
    const world = await another();
    await expect(inTime(world, world.guarded.head())).rejects.toThrow(LogMismatch);
    const { looks } = world.memory;
    for (let calls = 0; calls < 50; calls++) await expect(world.guarded.head()).rejects.toThrow(LogMismatch);
    expect(world.memory.looks - looks).toBeLessThanOrEqual(1);
  });

  test('is left behind when the right one is back: everything goes on', async () => {
    const world = await another();
    await expect(inTime(world, world.guarded.head())).rejects.toThrow(LogMismatch);
    world.wire.log = world.right;
    await world.clock.pass(DEFAULT_IDENTITY_LIMITS.everyMs);
    expect(await world.guarded.head()).toBe(500n);
    expect(await world.identity.health()).toEqual({ ok: true });
    expect(world.lines).toHaveLength(2);
    expect(world.lines[1]).toMatch(/^log: .* everything goes on/);
  });

  test('ends a subscription that it was found under', async () => {
    const world = await another();
    const following = new GuardedEventLog(world.right, world.identity);
    world.wire.log = world.right;
    const messages = following.subscribe({ prefix: 'workflow-', after: 'start', signal: new AbortController().signal });
    expect((await messages.next()).value).toMatchObject({ kind: 'event' });
    world.wire.log = world.wrong;
    world.identity.suspect();
    await expect(inTime(world, world.identity.check())).rejects.toThrow(LogMismatch);
    await expect(messages.next()).rejects.toThrow(LogMismatch);
  });

  test('is known by what this instance has read, also before any table holds it', async () => {
    const world = open(await withId(await logOf(4), OURS));
    const { signal } = new AbortController();
    for await (const message of world.guarded.subscribe({ prefix: 'workflow-', after: 'start', signal }))
      if (message.kind === 'caught-up') break;
    world.wire.log = await withId(await logOf(2), OURS);
    world.identity.suspect();
    await expect(inTime(world, world.guarded.head())).rejects.toThrow(
      /ends at position 300, and this instance has read up to 400/,
    );
  });
});

test('as long as nothing fails, calls cost no look; after a failure the next call looks once', async () => {
  const world = open(await withId(await logOf(4), OURS));
  Object.assign(world.memory, { logId: OURS, places: [at(4)] });
  for (let calls = 0; calls < 100; calls++) await world.guarded.read('workflow-1');
  expect(world.memory.looks).toBe(1);
  const away = Object.assign(Object.create(world.wire.log) as EventLog, {
    read: () => Promise.reject(new LogUnavailable('away')),
  });
  const there = world.wire.log;
  world.wire.log = away;
  await expect(world.guarded.read('workflow-1')).rejects.toThrow('away');
  world.wire.log = there;
  await Promise.all([world.guarded.read('workflow-1'), world.guarded.head()]);
  await world.guarded.head();
  expect(world.memory.looks).toBe(2);
});

test('a difference that passes at once is not believed: a node that stood still answers from what it knew', async () => {
  const world = open(await logOf(2));
  Object.assign(world.memory, { places: [at(4)] });
  const looking = world.identity.check();
  await settle();
  world.wire.log = await logOf(4);
  await inTime(world, looking);
  expect(world.lines).toEqual([]);
});

test('a look that gets no answer ends, and says so', async () => {
  const silent = Object.assign(Object.create(await logOf(1)) as EventLog, {
    head: () => new Promise<never>(() => undefined),
  });
  const world = open(silent);
  const call = world.guarded.read('workflow-1');
  call.catch(() => undefined);
  await world.clock.pass(DEFAULT_IDENTITY_LIMITS.timeoutMs);
  await expect(call).rejects.toThrow(LogUnavailable);
});

test('while the database is away, what it said last counts; before it has said anything, nothing is known', async () => {
  const world = open(await withId(await logOf(4), OURS));
  world.memory.failure = new Error('away');
  await expect(world.guarded.head()).rejects.toThrow(LogUnavailable);
  expect(await world.identity.health()).toMatchObject({ ok: false });
  Object.assign(world.memory, { failure: null, logId: OURS, places: [at(4)] });
  expect(await world.guarded.head()).toBe(500n);
  world.memory.failure = new Error('away');
  world.identity.suspect();
  expect(await world.guarded.head()).toBe(500n);
  world.wire.log = await logOf(1);
  world.identity.suspect();
  await expect(inTime(world, world.guarded.head())).rejects.toThrow(LogMismatch);
});

test('an event in the stream of the id that is not ours does not stand for it', async () => {
  const log = await logOf(1);
  await log.append(
    LOG_STREAM,
    [happened(90), { id: uuid(91), type: 'LogIdentified', data: { logId: 7 }, metadata: {} }],
    'none',
  );
  const recorded: readonly RecordedEvent[] = (await log.read(LOG_STREAM)).events;
  expect(recorded).toHaveLength(2);
  expect(await lookAt(log, { places: [] })).toMatchObject({ logId: null, head: 300n });
});
