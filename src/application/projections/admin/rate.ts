import type { ProjectionRecord } from './projection-records.js';

type Sample = Readonly<{ at: number; events: bigint; rebuildId: string | null }>;

/** Between the two samples that a rate is made of, at least; and how long samples are kept. */
const SHORTEST_MS = 500;
const WINDOW_MS = 60_000;
const KEPT = 240;

/** Events a second, from what the checkpoints said at each look of the last minute. */
export class Rates {
  private readonly samples = new Map<string, Sample[]>();

  note({ projection, events, rebuildId }: ProjectionRecord, now: Date): void {
    const at = now.getTime();
    const before = (this.samples.get(projection) ?? []).filter(
      (sample) => at - sample.at <= WINDOW_MS && sample.rebuildId === rebuildId && sample.events <= events,
    );
    const last = before.at(-1);
    const isSoon = last !== undefined && at - last.at < WINDOW_MS / KEPT;
    this.samples.set(projection, isSoon ? before : [...before, { at, events, rebuildId }]);
  }

  /** Null where there have not been two looks yet. */
  of(projection: string): number | null {
    const samples = this.samples.get(projection) ?? [];
    const [first, last] = [samples[0], samples.at(-1)];
    if (!first || !last || last.at - first.at < SHORTEST_MS) return null;
    return Number(last.events - first.events) / ((last.at - first.at) / 1_000);
  }
}
