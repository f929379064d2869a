import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  DEFAULT_HEAP_LIMITS,
  firstState,
  stateAfter,
  type HeapState,
} from '../../../src/infrastructure/system/heap.js';

const MEGABYTE = 1024 * 1024;
const ROOM = { leastBytes: 72 * MEGABYTE, mostBytes: 128 * MEGABYTE };
const { calmGrowthPercent, calmMs, leastGrowthPercent, lookMs, mostGrowthPercent } = DEFAULT_HEAP_LIMITS;

/** After the first collection. */
const startedWith = (megabytes: number): HeapState =>
  stateAfter(firstState(0, megabytes * MEGABYTE + 1), { atMs: lookMs, old: megabytes * MEGABYTE, busy: 0 }, ROOM);

/** Looks for so long at a heap of which so much grows old, and which is collected where it fills the room that it has. */
const under = (from: HeapState, megabytesASecond: number, ms: number, room = ROOM, busy = 0) => {
  let [state, gaveBack] = [from, 0];
  for (const end = from.atMs + ms; state.atMs < end;) {
    const { inUse, growth } = state;
    const grown = state.old + (megabytesASecond * MEGABYTE * lookMs) / 1_000;
    const old = grown > inUse * (1 + growth / 100) ? inUse : grown;
    state = stateAfter(state, { atMs: state.atMs + lookMs, old, busy }, room);
    if (state.giveBack) gaveBack++;
  }
  return { state, gaveBack };
};

const roomOf = ({ inUse, growth }: HeapState): number => Math.round((inUse * (1 + growth / 100)) / MEGABYTE);

describe('the room of the heap', () => {
  it('is the least without load, and grows with it up to the most', () => {
    const calm = under(startedWith(50), 0.1, 60_000).state;
    expect(roomOf(calm)).toBe(72);
    const some = under(calm, 5, 60_000).state;
    expect(roomOf(some)).toBeGreaterThan(85);
    expect(roomOf(some)).toBeLessThan(95);
    expect(roomOf(under(some, 50, 10_000).state)).toBe(128);
    expect(roomOf(under(under(some, 50, 10_000).state, 0.1, 60_000).state)).toBe(72);
  });

  it('is not known before the first collection, so that the growth is the least', () => {
    const first = firstState(0, 5 * MEGABYTE);
    const { growth } = stateAfter(first, { atMs: lookMs, old: 6 * MEGABYTE, busy: 0 }, ROOM);
    expect(growth).toBe(leastGrowthPercent);
  });

  it('is the least growth above what is in use where that is more than the room', () => {
    const full = startedWith(200);
    expect(under(full, 50, 10_000).state.growth).toBe(leastGrowthPercent);
    expect(under(full, 0.1, 10_000).state.growth).toBe(calmGrowthPercent);
    expect(under(startedWith(5), 50, 10_000).state.growth).toBe(mostGrowthPercent);
  });

  it('does not grow where the most is less than the least', () => {
    const { state } = under(startedWith(50), 50, 10_000, { ...ROOM, mostBytes: 0 });
    expect(roomOf(state)).toBe(72);
  });

  it('is given back once after each load, the start among them, and not while there is one', () => {
    const started = under(startedWith(50), 0.1, 10 * calmMs);
    expect(started.gaveBack).toBe(1);
    const loaded = under(started.state, 20, 10 * calmMs);
    expect(loaded.gaveBack).toBe(0);
    expect(under(loaded.state, 0.1, calmMs / 2).gaveBack).toBe(0);
    expect(under(loaded.state, 0.1, 10 * calmMs).gaveBack).toBe(1);
  });

  it('is not given back while the thread is busy, however little grows old', () => {
    const started = under(startedWith(50), 20, 10_000).state;
    expect(under(started, 0.1, 10 * calmMs, ROOM, 1).gaveBack).toBe(0);
    expect(under(under(started, 0.1, 10 * calmMs, ROOM, 1).state, 0.1, 10 * calmMs).gaveBack).toBe(1);
  });

  it('lets the young generation grow under load alone', () => {
    const started = under(startedWith(50), 0.1, 5_000).state;
    expect(started.youngMayGrow).toBe(false);
    expect(under(started, 20, 5_000).state.youngMayGrow).toBe(true);
    expect(under(under(started, 20, 5_000).state, 0.1, 20_000).state.youngMayGrow).toBe(false);
  });

  it('does not take a pause between two collections for the end of a load', () => {
    let state = under(startedWith(50), 20, 10_000).state;
    for (let look = 1; look <= 8; look++)
      state = stateAfter(state, { atMs: state.atMs + lookMs, old: state.old - 1, busy: 0 }, ROOM);
    expect(roomOf(state)).toBe(128);
  });
});

describe('the heap', () => {
  it('stays smaller than V8 would have it, and is given what is in use, whatever the room', () => {
    const free = highest(0);
    expect(highest(40)).toBeLessThan(0.75 * free);
    expect(highest(1)).toBeGreaterThan(IN_USE);
  }, 60_000);
});

const IN_USE = 30;

/** The highest size of the old generation, in megabytes, of a process that uses 30 MB and lets go of much that is old. */
const highest = (roomMegabytes: number): number => {
  const support = fileURLToPath(new URL('../../support/typescript.mjs', import.meta.url));
  const heap = new URL('../../../src/infrastructure/system/heap.ts', import.meta.url).href;
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { setTimeout as pause } from 'node:timers/promises';
    import { keepHeapSmall } from ${JSON.stringify(heap)};
    const megabytes = () => getHeapSpaceStatistics().find((space) => space.space_name === 'old_space').space_size / ${MEGABYTE};
    const some = (count) => Array.from({ length: count }, (_, index) => ({ index, half: index / 2 }));
    keepHeapSmall({ leastBytes: ${roomMegabytes * MEGABYTE}, mostBytes: ${roomMegabytes * MEGABYTE} });
    const used = Array.from({ length: ${IN_USE} }, () => some(14_000));
    const lately = [];
    let old = 0;
    for (let turn = 0; turn < 800; turn++, await pause(1)) {
      lately.push(some(14_000));
      if (lately.length > 10) lately.shift();
      old = Math.max(old, megabytes());
    }
    console.log(used.length > 0 ? old : 0);
  `;
  const args = ['--import', support, '--input-type=module', '--eval', program];
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
};
