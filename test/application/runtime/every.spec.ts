import { every } from '../../../src/application/runtime/clock.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

/** Seconds at which something was done that fails until then. */
const doneAt = async (failsUntil: number, maximumPauseMs?: number) => {
  const clock = new VirtualClock();
  const begun = clock.now().getTime();
  const ending = new AbortController();
  const at: number[] = [];
  const act = async () => {
    const second = (clock.now().getTime() - begun) / 1_000;
    at.push(second);
    if (second < failsUntil) throw new Error('refused');
  };
  const loop = every(clock, 2_000, ending.signal, act, () => undefined, maximumPauseMs);
  await clock.pass(100_000);
  ending.abort();
  await loop;
  return at;
};

test('after each further failure in a row the pause doubles, up to its maximum, until one succeeds', async () => {
  expect(await doneAt(60, 20_000)).toEqual([
    0, 2, 6, 14, 30, 50, 70, 72, 74, 76, 78, 80, 82, 84, 86, 88, 90, 92, 94, 96, 98, 100,
  ]);
});

test('without a maximum of its own it stays as it is', async () => {
  expect((await doneAt(60)).slice(0, 4)).toEqual([0, 2, 4, 6]);
});
