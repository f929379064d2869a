import type { Comparison } from '../../domain/projection/events.js';
import type { Rebuild } from '../../domain/projection/rebuild.js';
import { STREAM_PREFIX } from '../../domain/workflow/index.js';
import { sleep, type Clock } from '../runtime/clock.js';
import type { EventLog, SubscriptionMessage, RecordedEvent } from '../log/event-log.js';
import type { Ids } from '../log/ids.js';
import { Applier, Progress } from '../projections/applier.js';
import type { Projection } from '../projections/projection.js';
import { lowestPosition, type ProjectionCheckpoint } from '../projections/projection-store.js';
import { followLog } from '../log/follow-log.js';
import { BoundedQueue } from '../runtime/bounded-concurrency.js';
import type { Area, RebuildSession, RebuildStore } from './rebuild-store.js';

type Span = Readonly<{
  applier: Applier;
  /** Exclusive. */
  after: bigint | 'start';
  /** Inclusive. */
  to: bigint;
  /** Events in one transaction. */
  batch: number;
  signal: AbortSignal;
  onError: (error: unknown) => void;
  /** After each transaction. */
  onBatch: (events: number) => Promise<void>;
}>;

/** Applies everything up to `to`, which the log has reached. Reading goes on while a batch is written. */
const projectUntil = async (
  { log, clock, ids }: Readonly<{ log: EventLog; clock: Clock; ids: Ids }>,
  { applier, after, to, batch, signal, onError, onBatch }: Span,
): Promise<void> => {
  if (after !== 'start' && after >= to) return;
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const queue = new BoundedQueue<SubscriptionMessage>(2 * batch);
  const pump = async () => {
    for await (const seen of followLog({ log, clock, ids, prefix: STREAM_PREFIX, after, signal: either, onError })) {
      if (!(await queue.put(seen)) || isPast(seen, to)) break;
    }
  };
  const pumping = pump().finally(() => either.aborted && queue.close());
  try {
    for (let isOver = false; !isOver;) {
      const seen = await queue.take(batch);
      if (seen.length === 0) throw new Error('Reading the log was ended before the place that was asked for');
      const events = seen.flatMap((each) => (each.kind === 'event' && each.event.position <= to ? [each.event] : []));
      isOver = seen.some((each) => isPast(each, to));
      const reached = isOver ? to : lastPosition(events);
      if (reached === null) continue;
      await applier.advance(events, reached);
      await onBatch(events.length);
    }
  } finally {
    over.abort();
    queue.close();
    await pumping;
  }
};

/** Everything up to `to` has come before this. */
const isPast = (seen: SubscriptionMessage, to: bigint): boolean => {
  if (seen.kind === 'event') return seen.event.position >= to;
  return seen.kind === 'caught-up' || seen.position >= to;
};

const lastPosition = (events: readonly RecordedEvent[]): bigint | null => events.at(-1)?.position ?? null;

/** Each is shorter than the one before, where building is faster than what comes in. */
const CATCH_UP_ROUNDS = 10;

export type Job = Readonly<{ projection: Projection; rebuild: Rebuild }>;

/** Brings tables that stand beside the live ones to where those are, and looks at both. */
export class Building {
  constructor(
    private readonly dependencies: Readonly<{ store: RebuildStore; log: EventLog; clock: Clock; ids: Ids }>,
    private readonly session: RebuildSession,
    private readonly limits: RebuilderLimits,
    readonly signal: AbortSignal,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** One reading of the log for all of them, until they are about where the live tables are, which go on meanwhile. */
  async catchUp(area: Area, jobs: readonly Job[]): Promise<void> {
    for (let round = 0; round < CATCH_UP_ROUNDS; round++) {
      const target = await this.livePosition();
      if (target === null) return;
      const events = await this.bringTo(area, jobs, target);
      if (events < this.limits.batch) return;
    }
  }

  /** Of one of the tables that are built. */
  async compare({ projection }: Job, jobs: readonly Job[]): Promise<Comparison> {
    const { clock, store } = this.dependencies;
    const { table } = projection;
    for (;;) {
      this.signal.throwIfAborted();
      const begun = clock.now().getTime();
      const align = async (position: bigint) => void (await this.bringTo('shadow', jobs, position));
      const compared = await this.session.compare(table, align, this.limits.samples);
      if (!compared) {
        await sleep(clock, this.limits.behindMs, this.signal);
        continue;
      }
      const { events = 0, buildMs = 0 } = (await store.progress('shadow')).get(table) ?? {};
      return {
        ...compared,
        position: String(compared.position),
        ...{ events, buildMs, compareMs: clock.now().getTime() - begun },
      };
    }
  }

  /** @returns how many events it took */
  async bringTo(area: Area, jobs: readonly Job[], to: bigint): Promise<number> {
    const { session, signal } = this;
    const { log, clock, ids } = this.dependencies;
    const writer = await session.writer(area);
    const projections = jobs.map(({ projection }) => projection);
    const checkpoints = await writer.checkpoints();
    const poisoned = await writer.poisoned(this.limits.poisoned + 1);
    const skipped = await writer.skipped(this.limits.skipped);
    const progress = new Map(
      projections.map(({ table }) => {
        const held = poisoned.filter(({ projection }) => projection === table);
        return [table, new Progress(checkpoints.get(table) ?? null, held)] as const;
      }),
    );
    const decisions = new Map(
      projections.map(({ table }) => [table, skipped.filter(({ projection }) => projection === table)] as const),
    );
    const applier = new Applier(writer, projections, progress, clock, this.limits, decisions);
    let events = 0;
    let since = clock.now().getTime();
    const onBatch = async (count: number) => {
      events += count;
      await sleep(clock, this.limits.pauseMs, signal);
      const now = clock.now().getTime();
      if (area === 'shadow') for (const { table } of projections) await session.worked(table, count, now - since);
      since = now;
    };
    const of = new Map<string, ProjectionCheckpoint>([...checkpoints].filter(([table]) => progress.has(table)));
    const after = lowestPosition(of, projections);
    const span = { applier, after, to, batch: this.limits.batch, signal, onError: this.onError, onBatch };
    await projectUntil({ log, clock, ids }, span);
    return events;
  }

  /** The farthest of the live tables; null where nothing was ever projected. */
  private async livePosition(): Promise<bigint | null> {
    const positions = [...(await this.dependencies.store.live()).values()].map(({ position }) => position);
    return positions.length === 0 ? null : positions.reduce((a, b) => (a > b ? a : b));
  }
}

export type RebuilderLimits = Readonly<{
  /** Events in one transaction, and the pause after it that leaves the machine to others. */
  batch: number;
  pauseMs: number;
  /** Rows that differ, of which a comparison keeps so many. */
  samples: number;
  /** Executions held back, all projections together. */
  poisoned: number;
  /** Events that operators had passed over, all projections together. */
  skipped: number;
  /** How often an instance looks whether something is to be done. */
  everyMs: number;
  /** The longest pause after several failures in a row, as where the log refuses what a rebuild records. */
  maximumPauseMs: number;
  /** How often the live tables are asked for again while they are behind the rebuilt ones. */
  behindMs: number;
}>;

export const DEFAULT_REBUILDER_LIMITS: RebuilderLimits = {
  batch: 1_000,
  pauseMs: 0,
  samples: 20,
  poisoned: 10_000,
  skipped: 10_000,
  everyMs: 2_000,
  maximumPauseMs: 60_000,
  behindMs: 50,
};
