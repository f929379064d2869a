import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DEFAULT_HEAP_LIMITS, growth } from '../../../src/infrastructure/system/heap.js';

const MEGABYTE = 1024 * 1024;

describe('the heap', () => {
  it('may fill the room, and grows by the least growth where more than the room is in use', () => {
    expect(growth(50 * MEGABYTE, 100 * MEGABYTE, DEFAULT_HEAP_LIMITS)).toBe(100);
    expect(growth(90 * MEGABYTE, 100 * MEGABYTE, DEFAULT_HEAP_LIMITS)).toBe(DEFAULT_HEAP_LIMITS.leastGrowthPercent);
    expect(growth(5 * MEGABYTE, 100 * MEGABYTE, DEFAULT_HEAP_LIMITS)).toBe(DEFAULT_HEAP_LIMITS.mostGrowthPercent);
    expect(growth(900 * MEGABYTE, 100 * MEGABYTE, DEFAULT_HEAP_LIMITS)).toBe(DEFAULT_HEAP_LIMITS.leastGrowthPercent);
  });

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
    keepHeapSmall(${roomMegabytes * MEGABYTE});
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
