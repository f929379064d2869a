import { STREAM_PREFIX } from '../../../domain/workflow/index.js';
import type { Clock } from '../../runtime/clock.js';
import { NotFound } from '../../runtime/errors.js';
import type { EventLog } from '../../log/event-log.js';
import type { Rebuilds, RebuildView } from '../../rebuild/rebuilds.js';
import type { Poison, SkippedEvent } from '../projection-store.js';
import type { Projection } from '../projection.js';
import type {
  PlacedOrder,
  PoisonOrders,
  Drift,
  HeldBack,
  ProjectionRecord,
  ProjectionRecords,
} from './projection-records.js';

type Sample = Readonly<{ at: number; events: bigint; rebuildId: string | null }>;

/** Between the two samples that a rate is made of, at least; and how long samples are kept. */
const SHORTEST_MS = 500;
const WINDOW_MS = 60_000;
const KEPT = 240;

/** Events a second, from the checkpoints at each look of the last minute. */
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

type Lag = Readonly<{
  /** Executions' events that the log holds after the position. */
  events: number;
  /** False: too many to be counted; taken from how densely the first of them lie in the log. */
  counted: boolean;
  /** Since the log recorded the oldest of them; 0 where there is none. */
  seconds: number;
}>;

/** Events that are read in order to count them, at most. */
const COUNTED = 256;

/**
 * How far the log is ahead of a position. Reads at most `COUNTED` events, and none where the position is the log's last;
 * what other streams hold does not count.
 */
export const lagAfter = async (
  log: EventLog,
  position: bigint | 'start',
  head: bigint | 'start',
  now: Date,
): Promise<Lag> => {
  if (head === 'start' || (position !== 'start' && position >= head)) return { events: 0, counted: true, seconds: 0 };
  const read = await log.page(position, COUNTED);
  const due = read.filter(({ stream }) => stream.startsWith(STREAM_PREFIX));
  const oldest = due[0]?.recordedAt.getTime() ?? now.getTime();
  const seconds = Math.max(0, now.getTime() - oldest) / 1_000;
  const last = read.at(-1);
  if (!last || read.length < COUNTED || last.position >= head) return { events: due.length, counted: true, seconds };
  const [span, rest] = [Number(last.position - (position === 'start' ? 0n : position)), Number(head - last.position)];
  return { events: due.length + Math.round((due.length / span) * rest), counted: false, seconds };
};

/** Events behind at which a table still counts as following: what comes in at this moment is always on its way. */
const FOLLOWS_WITHIN_SECONDS = 5;

type ProjectionState = 'not_started' | 'degraded' | 'catching_up' | 'following' | 'stopped';
type Leader = 'here' | 'elsewhere' | 'none';

export type ProjectionStatus = Readonly<{
  projection: string;
  /** Of this program's mapping; that of the table is in `record`. */
  version: number;
  state: ProjectionState;
  leader: Leader;
  head: bigint | 'start';
  lag: Lag;
  /** Events a second over the last minute; null until there were two looks. */
  rate: number | null;
  /** Null where the table was never written. */
  record: ProjectionRecord | null;
  counts: HeldBack;
  rebuild: RebuildView;
  poisoned: readonly Poison[];
  skipped: readonly SkippedEvent[];
  drifted: readonly Drift[];
  orders: readonly PlacedOrder[];
}>;

type Ports = Readonly<{
  log: EventLog;
  clock: Clock;
  records: ProjectionRecords;
  orders: PoisonOrders;
  rebuilds: Rebuilds;
  leadsHere: () => boolean;
}>;

/** What operators see of the read tables, at any instance: the log's end, the tables' positions, and what is beside them. */
export class ProjectionStatuses {
  private readonly rates = new Rates();

  constructor(
    private readonly ports: Ports,
    private readonly projections: readonly Projection[],
  ) {}

  /** @param listed of what is held back, passed over, differing and ordered, for each projection @throws NotFound */
  async look(name: string | null, listed: number): Promise<readonly ProjectionStatus[]> {
    const chosen = this.projections.filter(({ table }) => name === null || table === name);
    if (chosen.length === 0) {
      const names = this.projections.map(({ table }) => table).join(', ');
      throw new NotFound(`There is no projection ${name}; there are ${names}`);
    }
    const { log, records, leadsHere } = this.ports;
    // The tables before the log: what comes in between makes a lag too long, never one that is not there.
    const [all, counts, isLed] = [await this.sample(), await records.counts(), await records.isLed()];
    const head = await log.head();
    const leader = leadsHere() ? 'here' : isLed ? 'elsewhere' : 'none';
    const lags = new Map<bigint | 'start', Promise<Lag>>();
    const lagOf = (position: bigint | 'start') => {
      const lag = lags.get(position) ?? lagAfter(log, position, head, this.ports.clock.now());
      lags.set(position, lag);
      return lag;
    };
    return Promise.all(
      chosen.map(async ({ table, version }): Promise<ProjectionStatus> => {
        const record = all.find(({ projection }) => projection === table) ?? null;
        const lag = await lagOf(record?.position ?? 'start');
        const held = counts.get(table) ?? { poisoned: 0, skipped: 0, drifted: 0 };
        const state = stateOf(record, held, lag, leader);
        const rate = this.rates.of(table);
        const details = await this.details(table, held, listed);
        return { projection: table, version, state, leader, head, lag, rate, record, counts: held, ...details };
      }),
    );
  }

  /** Called now and then, so that there is a rate when a client asks. */
  async sample(): Promise<readonly ProjectionRecord[]> {
    const all = await this.ports.records.all();
    const now = this.ports.clock.now();
    for (const record of all) this.rates.note(record, now);
    return all;
  }

  private async details(table: string, { poisoned, skipped, drifted }: HeldBack, listed: number) {
    const { records, orders, rebuilds } = this.ports;
    return {
      rebuild: await rebuilds.view(table),
      poisoned: poisoned > 0 && listed > 0 ? await records.poisoned(table, listed) : [],
      skipped: skipped > 0 && listed > 0 ? await records.skipped(table, listed) : [],
      drifted: drifted > 0 && listed > 0 ? await records.drifted(table, listed) : [],
      orders: listed > 0 ? await orders.latest(table, listed) : [],
    };
  }
}

const stateOf = (
  record: ProjectionRecord | null,
  { poisoned, drifted }: HeldBack,
  { seconds }: Lag,
  leader: Leader,
): ProjectionState => {
  if (leader === 'none') return 'stopped';
  if (poisoned > 0 || drifted > 0) return 'degraded';
  if (!record) return 'not_started';
  return seconds > FOLLOWS_WITHIN_SECONDS ? 'catching_up' : 'following';
};
