import { VitalSigns, type Progress, type VitalPorts } from '../../src/application/log/vital-signs.js';
import type { RecordedEvent } from '../../src/application/log/event-log.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

const LIMITS = { everyMs: 10_000, retryMs: 1_000, timeoutMs: 5_000, stalledMs: 60_000, unsignedMs: 60_000 };
const IDLE: Progress = { position: 'start', movedAt: null, next: null };

const watched = { appendTrouble: () => null, followTrouble: () => null };

const world = (ports: Partial<VitalPorts> = {}) => {
  const clock = new VirtualClock();
  const told: string[] = [];
  const well = { writeLog: async () => undefined, writeDatabase: async () => undefined };
  const all = {
    clock,
    ...well,
    signed: async () => IDLE,
    saga: async () => IDLE,
    watched,
    faultOf: () => undefined,
    ...ports,
  };
  const vitals = new VitalSigns(all, LIMITS, (message) => void told.push(message));
  vitals.start();
  return { clock, told, vitals };
};
const failing = (vitals: VitalSigns) =>
  Object.entries(vitals.signs())
    .filter(([, { ok }]) => !ok)
    .map(([name]) => name);
const event = (recordedAt: Date) => ({ recordedAt, position: BigInt(recordedAt.getTime()) }) as RecordedEvent;

test('before the first write nothing is known to be well', async () => {
  const { clock, vitals } = world();
  expect(failing(vitals)).toEqual(['log_write', 'database_write']);
  await clock.pass(0);
  await vitals.known;
  expect(failing(vitals)).toEqual([]);
});

test('an idle instance is well for ever', async () => {
  const { clock, vitals } = world();
  await clock.pass(3_600_000);
  expect(failing(vitals)).toEqual([]);
  expect(vitals.signs().signing.detail).toBe('no signature yet; nothing waits');
});

test('a write that fails is told once, tried each second, and well again with the first that succeeds', async () => {
  let [isFull, tries] = [false, 0];
  const { clock, told, vitals } = world({
    writeLog: async () => {
      tries += 1;
      if (isFull) throw new Error('disk full');
    },
  });
  await clock.pass(1);
  isFull = true;
  await clock.pass(10_000);
  expect(failing(vitals)).toEqual(['log_write']);
  const before = tries;
  await clock.pass(5_000);
  expect(tries - before).toBe(5);
  expect(told).toEqual(['Not ready: the event log cannot be written']);
  isFull = false;
  await clock.pass(1_000);
  expect(failing(vitals)).toEqual([]);
});

test('a write that hangs counts as failed, and no second one joins it', async () => {
  let tries = 0;
  const { clock, vitals } = world({ writeDatabase: () => (tries++, new Promise(() => undefined)) });
  await clock.pass(60_000);
  expect(failing(vitals)).toEqual(['database_write']);
  expect(tries).toBe(1);
});

test('a write that is refused says why, and for how long nothing was written', async () => {
  const faultOf = () => 'NO_QUORUM' as const;
  const { clock, vitals } = world({ writeLog: () => Promise.reject(new Error('Server Is Not Ready')), faultOf });
  await clock.pass(1);
  const { ok, code, detail } = vitals.signs().log_write;
  expect({ ok, code }).toEqual({ ok: false, code: 'NO_QUORUM' });
  expect(detail).toMatch(/^no append yet; the event store has no leader/);
  expect(vitals.signs().database_write.code).toBeUndefined();
});

test('what followers and writers are refused counts, though the probe succeeds', async () => {
  const trouble = (what: string) => ({ fault: 'RIGHTS_MISSING' as const, what, seconds: 7 });
  let isRefused = true;
  const watched = {
    appendTrouble: () => (isRefused ? trouble('appends to workflow-') : null),
    followTrouble: () => (isRefused ? trouble('followers of workflow-') : null),
  };
  const { clock, vitals } = world({ watched });
  await clock.pass(1);
  expect(failing(vitals)).toEqual(['log_write', 'log_follow']);
  expect(vitals.signs().log_write).toMatchObject({
    code: 'RIGHTS_MISSING',
    detail: expect.stringMatching(/^appends to workflow- are refused for 7 s; the user lacks a right/),
  });
  isRefused = false;
  expect(failing(vitals)).toEqual([]);
});

describe.each(['signing', 'saga'] as const)('%s', (name) => {
  const port = name === 'signing' ? 'signed' : 'saga';

  test('has stopped where an event waits and nothing moves on', async () => {
    const began = new VirtualClock().now();
    const { clock, vitals } = world({ [port]: async () => ({ position: 1n, movedAt: began, next: event(began) }) });
    await clock.pass(59_000);
    expect(failing(vitals)).toEqual([]);
    await clock.pass(3_000);
    expect(failing(vitals)).toEqual([name]);
    expect(vitals.signs()[name].detail).toMatch(/62 s ago; an event waits for 62 s$/);
  });

  test('has not where it is behind and moves on', async () => {
    const began = new VirtualClock().now();
    const { clock, vitals } = world({
      [port]: async () => ({ position: 1n, movedAt: clock.now(), next: event(began) }),
    });
    await clock.pass(600_000);
    expect(failing(vitals)).toEqual([]);
  });

  test.each([-60_000, -6_000, 6_000, 60_000])(
    'is judged by this clock alone: the clock of the log differs by %p ms',
    async (ms) => {
      const began = new VirtualClock().now();
      const next = event(new Date(began.getTime() + ms));
      const { clock, vitals } = world({ [port]: async () => ({ position: 1n, movedAt: began, next }) });
      await clock.pass(59_000);
      expect(failing(vitals)).toEqual([]);
      await clock.pass(3_000);
      expect(failing(vitals)).toEqual([name]);
    },
  );

  test('has not where the event came a moment ago, however long nothing came before', async () => {
    const began = new VirtualClock().now();
    const { clock, vitals } = world({
      [port]: async () => ({ position: 1n, movedAt: began, next: event(clock.now()) }),
    });
    await clock.pass(600_000);
    expect(failing(vitals)).toEqual([]);
  });

  test('is not known to go on where the log cannot be read for so long, though nothing waited before', async () => {
    let isDamaged = false;
    const { clock, vitals } = world({
      [port]: async () => {
        if (isDamaged) throw new Error('invalid page in block 7');
        return IDLE;
      },
    });
    await clock.pass(10_000);
    isDamaged = true;
    await clock.pass(55_000);
    expect(failing(vitals)).toEqual([]);
    await clock.pass(20_000);
    expect(failing(vitals)).toEqual([name]);
    expect(vitals.signs()[name].detail).toMatch(/^cannot be looked at for \d+ s$/);
    isDamaged = false;
    await clock.pass(10_000);
    expect(failing(vitals)).toEqual([]);
  });

  test('has stopped where nothing was ever done', async () => {
    const began = new VirtualClock().now();
    const { clock, vitals } = world({ [port]: async () => ({ position: 'start', movedAt: null, next: event(began) }) });
    await clock.pass(62_000);
    expect(failing(vitals)).toEqual([name]);
  });
});
