import { jest } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { SystemClock, SystemIds } from '../../../src/infrastructure/system/clock-and-ids.js';
import { eventually } from '../../support/eventually.js';

const DAY = 86_400_000;

describe('the clock', () => {
  test('wakes at or after the time, once', async () => {
    const clock = new SystemClock();
    const at = new Date(Date.now() + 20);
    const woken = await new Promise<number>((resolve) => clock.wakeAt(at, () => resolve(clock.now().getTime())));
    expect(woken).toBeGreaterThanOrEqual(at.getTime());
  });

  test('wakes for a time that is past, but not before it returns', async () => {
    let woken = 0;
    new SystemClock().wakeAt(new Date(0), () => woken++);
    expect(woken).toBe(0);
    await eventually(() => woken === 1);
  });

  describe('with time in hand', () => {
    beforeEach(() => void jest.useFakeTimers({ now: new Date('2026-01-01T00:00:00Z') }));
    afterEach(() => void jest.useRealTimers());

    test('wakes after a delay that is longer than one timer, and not before', () => {
      const wake = jest.fn();
      new SystemClock().wakeAt(new Date(Date.now() + 60 * DAY), wake);
      jest.advanceTimersByTime(60 * DAY - 1);
      expect(wake).not.toHaveBeenCalled();
      jest.advanceTimersByTime(1);
      expect(wake).toHaveBeenCalledTimes(1);
      expect(jest.getTimerCount()).toBe(0);
    });

    test('does not wake when the wish was taken back, be it in the second timer', () => {
      const wake = jest.fn();
      const cancel = new SystemClock().wakeAt(new Date(Date.now() + 60 * DAY), wake);
      jest.advanceTimersByTime(30 * DAY);
      cancel();
      expect(jest.getTimerCount()).toBe(0);
      jest.advanceTimersByTime(60 * DAY);
      expect(wake).not.toHaveBeenCalled();
    });

    test('notices within a minute that the clock was put forward', () => {
      const wake = jest.fn();
      new SystemClock().wakeAt(new Date(Date.now() + DAY), wake);
      jest.setSystemTime(Date.now() + 2 * DAY);
      jest.advanceTimersByTime(60_000);
      expect(wake).toHaveBeenCalledTimes(1);
    });

    test.each([-DAY, 0, DAY])('waits so many milliseconds, though the clock is set by %i', (by) => {
      const wake = jest.fn();
      new SystemClock().wakeAfter(1_000, wake);
      jest.setSystemTime(Date.now() + by);
      jest.advanceTimersByTime(999);
      expect(wake).not.toHaveBeenCalled();
      jest.advanceTimersByTime(1);
      expect(wake).toHaveBeenCalledTimes(1);
    });

    test('waits for longer than one timer can, unless the wish is taken back', () => {
      const [wake, never] = [jest.fn(), jest.fn()];
      const clock = new SystemClock();
      const cancel = clock.wakeAfter(60 * DAY, never);
      clock.wakeAfter(60 * DAY, wake);
      jest.advanceTimersByTime(30 * DAY);
      cancel();
      jest.advanceTimersByTime(30 * DAY - 1);
      expect(wake).not.toHaveBeenCalled();
      jest.advanceTimersByTime(1);
      expect(wake).toHaveBeenCalledTimes(1);
      expect(never).not.toHaveBeenCalled();
    });

    test('waits on when the clock is set back', () => {
      const wake = jest.fn();
      new SystemClock().wakeAt(new Date(Date.now() + 1000), wake);
      jest.setSystemTime(Date.now() - 5000);
      jest.advanceTimersByTime(5999);
      expect(wake).not.toHaveBeenCalled();
      jest.advanceTimersByTime(1);
      expect(wake).toHaveBeenCalledTimes(1);
    });
  });

  describe.each([-60_000, -6_000, 6_000, 60_000])('of a machine that differs by %p ms from the database', (ms) => {
    const wall = () => Date.now() + ms;
    const database = async () => new Date();

    test('goes by that of the database, and wakes at its times', async () => {
      const clock = new SystemClock({ wall });
      expect(Math.abs(clock.now().getTime() - Date.now())).toBeGreaterThan(5_000);
      const aheadMs = await clock.agreeWith(database);
      expect(Math.abs(aheadMs - ms)).toBeLessThan(1_000);
      expect(Math.abs(clock.now().getTime() - Date.now())).toBeLessThan(1_000);
      const at = new Date(Date.now() + 50);
      await new Promise<void>((resolve) => clock.wakeAt(at, resolve));
      expect(Math.abs(Date.now() - at.getTime())).toBeLessThan(1_000);
    });

    test('judges what another instance noted down as due at the same moment as that one', async () => {
      const [one, other] = [new SystemClock({ wall }), new SystemClock({ wall: () => Date.now() - ms })];
      await Promise.all([one, other].map((clock) => clock.agreeWith(database)));
      const deadline = new Date(one.now().getTime() + 3_000);
      expect([one, other].map((clock) => deadline <= clock.now())).toEqual([false, false]);
    });

    test('goes by its own again once that is set', async () => {
      let shift = ms;
      const clock = new SystemClock({ wall: () => Date.now() + shift });
      await clock.agreeWith(database);
      shift = 0;
      expect(Math.abs(await clock.agreeWith(database))).toBe(0);
      expect(Math.abs(clock.now().getTime() - Date.now())).toBeLessThan(100);
    });
  });

  test('keeps to what it knows where an answer takes too long to tell', async () => {
    const clock = new SystemClock({ wall: () => Date.now() + 400 });
    const known = await clock.agreeWith(async () => new Date());
    const slow = async () => {
      const before = new Date();
      await eventually(() => Date.now() - before.getTime() > 600);
      return new Date(before.getTime() + 250);
    };
    expect(await clock.agreeWith(slow)).toBe(known);
  });

  test.each([
    [false, 'ended'],
    [true, 'woken'],
  ])('keeps the process alive: %p', async (keepsProcessAlive, outcome) => {
    const url = (path: string) => new URL(path, import.meta.url);
    const program = `
      import { SystemClock } from ${JSON.stringify(url('../../../src/infrastructure/system/clock-and-ids.ts').href)};
      process.once('beforeExit', () => console.log('ended'));
      const clock = new SystemClock({ keepsProcessAlive: ${keepsProcessAlive} });
      clock.wakeAt(new Date(Date.now() + 300), () => { console.log('woken'); process.exit(); });`;
    const typescript = fileURLToPath(url('../../support/typescript.mjs'));
    const node = ['--import', typescript, '--input-type=module', '--eval', program];
    const child = spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    await once(child, 'close');
    expect(printed.trim()).toBe(outcome);
  });
});

describe('the ids', () => {
  test('are UUIDs, each another', () => {
    const ids = Array.from({ length: 100 }, () => new SystemIds().uuid());
    expect(new Set(ids).size).toBe(100);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('in order are UUIDs, each behind the one before', () => {
    const ids = Array.from({ length: 100 }, () => new SystemIds().orderedUuid());
    expect(ids).toEqual([...new Set(ids)].sort());
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('jitter is at least 0 and less than 1', () => {
    const numbers = Array.from({ length: 100 }, () => new SystemIds().jitter());
    for (const number of numbers) expect(number >= 0 && number < 1).toBe(true);
    expect(new Set(numbers).size).toBeGreaterThan(50);
  });
});
