/**
 * How much room the main thread's heap has. By itself V8 lets it become up to four times as large as what is in use, and keeps
 * that. Here what is old is collected early while there is little to do, and later under load, where each collection costs
 * the processor time of marking everything in use. It bounds nothing, so that no legal load is refused memory.
 */
import { Session } from 'node:inspector';
import { performance } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const YOUNG = ['new_space', 'new_large_object_space'];

export type HeapRoom = Readonly<{
  /** Bytes that old objects may fill before V8 collects the unused ones. 0: V8 decides by itself. */
  leastBytes: number;
  /** The same at most, under load. */
  mostBytes: number;
}>;

type HeapLimits = Readonly<{
  /** Above the room that is given, the old generation still grows by this part of what is in use, in per cent: without load, */
  calmGrowthPercent: number;
  /** and under load. */
  leastGrowthPercent: number;
  /** What is in use may have become much more by the collection for which the growth was set. */
  mostGrowthPercent: number;
  lookMs: number;
  /** The room is what objects fill in this time, as fast as they grow old now. */
  betweenCollectionsMs: number;
  /** In which the rate at which objects grow old is averaged, and how busy the thread is. */
  rateMs: number;
  /** It is load where more grows old than this, bytes a second, */
  loadBytes: number;
  /** and where the thread is busy for more than this part of the time: to give back then would keep those waiting who are there. */
  loadShare: number;
  /** So long no load, and what load has left is given back. */
  calmMs: number;
}>;

export const DEFAULT_HEAP_LIMITS: HeapLimits = {
  calmGrowthPercent: 12,
  leastGrowthPercent: 25,
  mostGrowthPercent: 250,
  lookMs: 250,
  betweenCollectionsMs: 8_000,
  rateMs: 2_000,
  loadBytes: 2 * 1024 * 1024,
  loadShare: 0.5,
  calmMs: 15_000,
};

export type HeapState = Readonly<{
  atMs: number;
  /** Bytes of old objects, used or not. */
  old: number;
  /** What was left of them by the last collection, bytes. */
  inUse: number;
  /** Bytes that grow old in a second. */
  rate: number;
  /** For what part of the time the thread is busy, 0 to 1. */
  busy: number;
  /** By how much of what is in use the old generation may grow, in per cent. */
  growth: number;
  /** Whether the young generation may become larger: without load it would, too, in an hour. */
  youngMayGrow: boolean;
  /** Since when there has been no load; null where what it left was given back. */
  calmSinceMs: number | null;
  /** Whether all unused memory is to be given back now. */
  giveBack: boolean;
}>;

/** The start is a load, too. What is in use is not known before a collection: until then the growth is the least. */
export const firstState = (atMs: number, old: number): HeapState => ({
  ...{ atMs, old, inUse: Infinity, rate: 0, busy: 1, growth: DEFAULT_HEAP_LIMITS.calmGrowthPercent },
  ...{ youngMayGrow: true, calmSinceMs: atMs, giveBack: false },
});

type Seen = Pick<HeapState, 'atMs' | 'old' | 'busy'>;

/** @param seen bytes of old objects now, and how busy the thread was since the state before */
export const stateAfter = (
  before: HeapState,
  { atMs, old, busy: busyNow }: Seen,
  { leastBytes, mostBytes }: HeapRoom,
  limits: HeapLimits = DEFAULT_HEAP_LIMITS,
): HeapState => {
  // Only a collection makes it less: then it is what is in use.
  const inUse = old < before.old ? old : before.inUse;
  const weight = (atMs - before.atMs) / (atMs - before.atMs + limits.rateMs);
  const rate = rateAfter(before, { atMs, old }, weight);
  const busy = before.busy + (busyNow - before.busy) * weight;
  const wanted = inUse + (rate * limits.betweenCollectionsMs) / 1_000;
  const room = Math.max(leastBytes, Math.min(wanted, mostBytes));
  const youngMayGrow = rate > limits.loadBytes || busy > limits.loadShare;
  const least = youngMayGrow ? limits.leastGrowthPercent : limits.calmGrowthPercent;
  const toFillTheRoom = Math.floor((100 * room) / inUse - 100);
  const growth = Math.min(Math.max(toFillTheRoom, least), limits.mostGrowthPercent);
  const calmSinceMs = youngMayGrow ? atMs : before.calmSinceMs;
  const giveBack = calmSinceMs !== null && atMs - calmSinceMs >= limits.calmMs;
  return { atMs, old, inUse, rate, busy, growth, youngMayGrow, calmSinceMs: giveBack ? null : calmSinceMs, giveBack };
};

/** How much was filled between two looks is not seen where a collection came between. */
const rateAfter = (before: HeapState, { atMs, old }: Pick<Seen, 'atMs' | 'old'>, weight: number): number => {
  const ms = atMs - before.atMs;
  if (ms <= 0 || old < before.old) return before.rate;
  return before.rate + (((old - before.old) * 1_000) / ms - before.rate) * weight;
};

/**
 * Collects once at first, which takes some 50 ms: V8's first limit is made for any program, and until it is reached, nothing that
 * is old is let go. What is set is the whole process': other threads grow in the same proportion, and at the same times.
 */
export const keepHeapSmall = (room: HeapRoom, limits: HeapLimits = DEFAULT_HEAP_LIMITS): void => {
  if (room.leastBytes === 0) return;
  setGrowth(limits.calmGrowthPercent);
  collect();
  let state = firstState(performance.now(), oldBytes());
  let lastUsed = performance.eventLoopUtilization();
  const look = () => {
    const before = state;
    const used = performance.eventLoopUtilization();
    const { utilization: busy } = performance.eventLoopUtilization(used, lastUsed);
    lastUsed = used;
    state = stateAfter(before, { atMs: performance.now(), old: oldBytes(), busy }, room, limits);
    if (state.growth !== before.growth) setGrowth(state.growth);
    if (state.youngMayGrow !== before.youngMayGrow) letYoungGrow(state.youngMayGrow);
    if (state.giveBack) giveBack();
  };
  setInterval(look, limits.lookMs).unref();
};

/**
 * What the command line says of the young generation is for this thread, which has it already. It would overrule what
 * threads that are started from now on are given as theirs.
 */
export const leaveYoungToThreads = (): void => setFlagsFromString('--max-semi-space-size=0');

/** Leaves the young generation as large as it is. */
const collect = (): void => {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  setFlagsFromString('--no-expose-gc');
};

/** Collects, and returns all pages that are not used to the system, the young generation's too. Takes 100 to 200 ms. */
const giveBack = (): void => {
  const session = new Session();
  session.connect();
  // Node 20 stands still where a session is ended within its own answer.
  session.post('HeapProfiler.collectGarbage', () => setImmediate(() => session.disconnect()));
};

/** V8 reads it at each collection of what is old, for the next one. */
const setGrowth = (percent: number): void => setFlagsFromString(`--heap-growing-percent=${percent}`);

/** V8 reads it at each collection of the young generation that may enlarge it, by this factor. */
const letYoungGrow = (mayGrow: boolean): void => setFlagsFromString(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`);

const oldBytes = (): number =>
  getHeapSpaceStatistics().reduce(
    (sum, space) => sum + (YOUNG.includes(space.space_name) ? 0 : space.space_used_size),
    0,
  );
