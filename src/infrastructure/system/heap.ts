/**
 * Keeps the main thread's heap near what is in use: by itself V8 lets it become up to four times as large before it
 * collects what has grown old. It bounds nothing, so that no legal load is refused memory.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const YOUNG = ['new_space', 'new_large_object_space'];

type HeapLimits = Readonly<{
  /** Above the room that is given, the old generation still grows by this part of what is in use, in per cent. */
  leastGrowthPercent: number;
  /** What is in use may have become much more by the collection for which the growth was set. */
  mostGrowthPercent: number;
  lookMs: number;
}>;

export const DEFAULT_HEAP_LIMITS: HeapLimits = { leastGrowthPercent: 25, mostGrowthPercent: 250, lookMs: 250 };

/**
 * From now on what is old is collected when it has filled `roomBytes`, or has grown by the least growth above what is in
 * use. The growth is the whole process': other threads grow as much in proportion. Collects once at first, which takes
 * some 50 ms.
 * @param roomBytes 0: V8 decides by itself
 */
export const keepHeapSmall = (roomBytes: number, limits: HeapLimits = DEFAULT_HEAP_LIMITS): void => {
  if (roomBytes === 0) return;
  let before = 0;
  const look = () => {
    const old = usedByOld();
    // Only a collection makes it less: then it is what is in use.
    if (old < before) setGrowth(growth(old, roomBytes, limits));
    before = old;
  };
  setGrowth(limits.leastGrowthPercent);
  collect();
  setInterval(look, limits.lookMs).unref();
};

/** By how much of what is in use the old generation may grow, in per cent. */
export const growth = (inUse: number, roomBytes: number, limits: HeapLimits): number => {
  const toFillTheRoom = Math.floor((100 * roomBytes) / inUse - 100);
  return Math.min(Math.max(toFillTheRoom, limits.leastGrowthPercent), limits.mostGrowthPercent);
};

/**
 * What the command line says of the young generation is for this thread, which has it already. It would overrule what
 * threads that are started from now on are given as theirs.
 */
export const leaveYoungToThreads = (): void => setFlagsFromString('--max-semi-space-size=0');

/** The limit that V8 begins with is made for any program: until it is reached, nothing that is old is let go. */
const collect = (): void => {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  setFlagsFromString('--no-expose-gc');
};

/** V8 reads it again at each collection of what is old. */
const setGrowth = (percent: number): void => setFlagsFromString(`--heap-growing-percent=${percent}`);

const usedByOld = (): number =>
  getHeapSpaceStatistics().reduce(
    (sum, space) => sum + (YOUNG.includes(space.space_name) ? 0 : space.space_used_size),
    0,
  );
