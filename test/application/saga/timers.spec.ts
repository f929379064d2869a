import { Timers } from '../../../src/application/saga/timers.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const setup = (limit = 1_000) => {
  const clock = new VirtualClock();
  const woken: string[] = [];
  const begun = clock.now().getTime();
  const timers = new Timers(clock, limit, (id) => void woken.push(`${id} at ${clock.now().getTime() - begun}`));
  const set = (id: string, afterMs: number) => timers.set(id, new Date(begun + afterMs));
  return { clock, timers, woken, set };
};

test('each is woken once at its time, whatever the order in which they came; those of one time in that order', async () => {
  const { clock, woken, set } = setup();
  set('late', 30);
  set('early', 10);
  set('b', 20);
  set('a', 20);
  await clock.pass(100);
  expect(woken).toEqual(['early at 10', 'b at 20', 'a at 20', 'late at 30']);
  expect(clock.untilNext).toBeNull();
});

test('a timer replaces the timer before it, be it sooner or later', async () => {
  const { clock, woken, set } = setup();
  set('sooner', 50);
  set('later', 20);
  set('sooner', 10);
  set('later', 60);
  await clock.pass(100);
  expect(woken).toEqual(['sooner at 10', 'later at 60']);
});

test('an execution that is woken may set its timer again, for the same moment too', async () => {
  const clock = new VirtualClock();
  let times = 0;
  const timers = new Timers(clock, 10, (id) => {
    if (++times < 3) timers.set(id, clock.now());
  });
  timers.set('a', clock.now());
  await clock.pass(0);
  expect(times).toBe(3);
});

test('those that are due when the clock was late or put forward are woken together', async () => {
  const { clock, timers, woken } = setup();
  const past = new Date(clock.now().getTime() - 1_000);
  timers.set('a', past);
  timers.set('b', new Date(past.getTime() + 1));
  await clock.pass(0);
  expect(woken).toEqual(['a at 0', 'b at 0']);
});

test('beyond the limit a timer is not set, and the earlier timer of the execution is forgotten', async () => {
  const { clock, woken, set } = setup(2);
  set('a', 10);
  set('b', 20);
  set('c', 5);
  set('b', 30);
  await clock.pass(100);
  expect(woken).toEqual(['a at 10', 'b at 30']);
});

test('all timers wait behind one alarm of the clock, and none is left when they are cleared', async () => {
  const clock = new VirtualClock();
  let open = 0;
  let most = 0;
  const wakeAt = clock.wakeAt.bind(clock);
  clock.wakeAt = (at, wake) => {
    most = Math.max(most, ++open);
    const cancel = wakeAt(at, () => {
      open--;
      wake();
    });
    return () => {
      open--;
      cancel();
    };
  };
  const timers = new Timers(clock, 1_000, () => undefined);
  for (let id = 0; id < 500; id++) timers.set(String(id), new Date(clock.now().getTime() + 1_000 - id));
  await clock.pass(700);
  timers.clearAll();
  expect({ open, most, next: clock.untilNext }).toEqual({ open: 0, most: 1, next: null });
});

test('wishes that are replaced over and over do not pile up', () => {
  const { timers } = setup();
  const heldBy = () => (timers as unknown as { queue: { length: number } }).queue.length;
  for (let round = 0; round < 10_000; round++) timers.set(`e-${round % 10}`, new Date(4e12 - round));
  expect(heldBy()).toBeLessThan(100);
});
