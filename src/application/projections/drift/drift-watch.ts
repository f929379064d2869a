import type { OnError } from '../../runtime/errors.js';
import { sleep, type Clock, every } from '../../runtime/clock.js';
import type { EventLog } from '../../log/event-log.js';
import type { ProjectionRecords } from '../admin/projection-records.js';
import type { Projection } from '../projection.js';
import { checkExecution, type Checked, type LiveRows } from './check-execution.js';

type DriftLimits = Readonly<{
  /** Milliseconds between two executions that are compared; 0: none is. */
  everyMs: number;
  /** So many executions apart those that differed are looked at again, as many at once as `samples`. */
  againAfter: number;
  /** Differences that are kept of one execution. */
  samples: number;
}>;

export const DEFAULT_DRIFT_LIMITS: DriftLimits = { everyMs: 1_000, againAfter: 30, samples: 20 };
const PAUSE_WHERE_NOT_LEADING_MS = 5_000;
/** As long as a leader that is silent still leads: what took longer may be of rows that another has changed meanwhile. */
const LATE_MS = 8_000;

export type DriftCounts = Readonly<{ checked: number; differing: number; lastAt: Date | null }>;

type Ports = Readonly<{ log: EventLog; rows: LiveRows; records: ProjectionRecords; clock: Clock }>;
type Callbacks = Readonly<{
  leadsHere: () => boolean;
  onDifference: (checked: Checked) => void;
  onError: OnError;
}>;

/** Compares the read tables with the log, one execution after the other, all the time and slowly. */
export class DriftWatch {
  private readonly ending = new AbortController();
  private loop: Promise<void> = Promise.resolve();
  private after: string | null = null;
  private counts: DriftCounts = { checked: 0, differing: 0, lastAt: null };

  constructor(
    private readonly ports: Ports,
    private readonly projections: readonly Projection[],
    private readonly callbacks: Callbacks,
    private readonly limits: DriftLimits = DEFAULT_DRIFT_LIMITS,
  ) {}

  start(): void {
    if (this.limits.everyMs === 0) return;
    const { signal } = this.ending;
    const failed = (error: unknown) => this.callbacks.onError('Comparing read tables with the log failed', error);
    const act = async () => {
      if (this.callbacks.leadsHere()) await this.next();
      else await sleep(this.ports.clock, PAUSE_WHERE_NOT_LEADING_MS, signal);
    };
    this.loop = every(this.ports.clock, this.limits.everyMs, signal, act, failed);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.loop;
  }

  /** By this instance, since its start. */
  status(): DriftCounts {
    return this.counts;
  }

  /** The next execution by id; behind the last comes the first again. */
  async next(): Promise<void> {
    const { rows } = this.ports;
    const tables = this.projections.map(({ table }) => table);
    const [next] = await rows.executions(this.after, 1, tables);
    this.after = next ?? null;
    if (next !== undefined) await this.check(next);
    if (this.counts.checked % this.limits.againAfter === 0) await this.again();
  }

  /** An execution that differed is looked at until it no longer does. */
  private async again(): Promise<void> {
    const { records } = this.ports;
    const drifted = await Promise.all(this.projections.map(({ table }) => records.drifted(table, this.limits.samples)));
    for (const executionId of new Set(drifted.flat().map((each) => each.executionId))) await this.check(executionId);
  }

  private async check(executionId: string): Promise<void> {
    const { records, clock } = this.ports;
    const begunAt = clock.now();
    const checked = await checkExecution(this.ports, this.projections, executionId);
    const now = clock.now();
    if (!this.callbacks.leadsHere() || now.getTime() - begunAt.getTime() > LATE_MS) return;
    const differing = checked.filter(({ differences }) => differences.length > 0);
    for (const each of checked) await noteDrift(records, each, now, this.limits.samples);
    for (const each of differing) this.callbacks.onDifference(each);
    this.counts = {
      checked: this.counts.checked + 1,
      differing: this.counts.differing + (differing.length > 0 ? 1 : 0),
      lastAt: now,
    };
  }
}

/** Kept until the rows are those of the events again. */
export const noteDrift = (
  records: ProjectionRecords,
  { projection, executionId, position, differences }: Checked,
  now: Date,
  samples: number,
): Promise<void> => {
  if (differences.length === 0) return records.compared(projection, executionId, null);
  return records.compared(projection, executionId, {
    ...{ projection, executionId, position: position === 'start' ? 0n : position },
    ...{ differences: differences.length, samples: differences.slice(0, samples), foundAt: now },
  });
};
