import type { Comparison } from '../../domain/projection/events.js';
import type { Rebuild } from '../../domain/projection/rebuild.js';
import { sleep, type Clock } from '../runtime/clock.js';
import type { EventLog, RecordedEvent } from '../log/event-log.js';
import type { Ids } from '../log/ids.js';
import { Applier, Progress } from '../projections/applier.js';
import type { Projection } from '../projections/projection.js';
import { lowestPosition, type ProjectionCheckpoint } from '../projections/projection-store.js';
import { BulkBuild, type BulkLimits } from './bulk-build.js';
import type { BulkBegin, BulkPass, StreamOrderedLog } from './bulk-store.js';
import { readUntil } from './read-until.js';
import type { Area, RebuildSession, RebuildStore } from './rebuild-store.js';

/** Each is shorter than the one before, where building is faster than what comes in. */
const CATCH_UP_ROUNDS = 10;

export type Job = Readonly<{ projection: Projection; rebuild: Rebuild }>;

/** Brings tables that stand beside the live ones to where those are, and looks at both. */
export class Building {
  constructor(
    private readonly dependencies: Readonly<{
      store: RebuildStore;
      log: EventLog;
      streams?: StreamOrderedLog;
      clock: Clock;
      ids: Ids;
    }>,
    private readonly session: RebuildSession,
    private readonly limits: RebuilderLimits,
    readonly signal: AbortSignal,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Tables beside the live ones, and in them what the log says up to where the live ones were when each was begun. */
  async fill(jobs: readonly Job[]): Promise<void> {
    const { session } = this;
    const begin = await this.bulkBegin();
    for (const { projection, rebuild } of jobs) await session.prepare(projection.table, rebuild.id, begin);
    const passes = await session.passes();
    const open = new Map([...passes.values()].map((pass) => [pass.id, pass]));
    for (const pass of open.values()) {
      const shared = jobs.filter(({ projection: { table } }) => passes.get(table)?.id === pass.id);
      if (shared.length > 0) await this.bulk(pass, shared);
    }
  }

  private async bulk(pass: BulkPass, jobs: readonly Job[]): Promise<void> {
    const { log, streams, clock, ids } = this.dependencies;
    // Whether this is the right log is asked of the log alone.
    await log.head();
    const writer = await this.session.bulkWriter();
    const openApplier = () => this.applierOf('shadow', jobs);
    const dependencies = { log, streams, clock, ids, writer, openApplier };
    const projections = jobs.map(({ projection }) => projection);
    try {
      await new BulkBuild(dependencies, projections, pass, this.limits, this.signal, this.onError).run();
    } finally {
      await writer.close();
    }
  }

  /** Null where nothing was ever projected. */
  private async bulkBegin(): Promise<BulkBegin | null> {
    const live = await this.session.live();
    if (!live) return null;
    const { streams } = this.dependencies;
    const isTable = live.lastEvent && (await streams?.holds(live.lastEvent));
    const order = isTable ? 'stream' : 'position';
    return { pass: this.dependencies.ids.uuid(), order, to: live.position, total: live.events };
  }

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
    const { applier, after } = await this.applierOf(area, jobs);
    let events = 0;
    let since = clock.now().getTime();
    const onBatch = async (count: number) => {
      events += count;
      await sleep(clock, this.limits.pauseMs, signal);
      const now = clock.now().getTime();
      if (area === 'shadow')
        for (const { projection } of jobs) await session.worked(projection.table, count, now - since);
      since = now;
    };
    const take = async (taken: readonly RecordedEvent[], reached: bigint) => {
      await applier.advance(taken, reached);
      await onBatch(taken.length);
    };
    const { batch } = this.limits;
    await readUntil({ log, clock, ids }, { after, to, batch, signal, onError: this.onError, take });
    return events;
  }

  /** What writes to the tables of that area event by event, and where it has to go on. */
  private async applierOf(area: Area, jobs: readonly Job[]) {
    const writer = await this.session.writer(area);
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
    const applier = new Applier(writer, projections, progress, this.dependencies.clock, this.limits, decisions);
    const of = new Map<string, ProjectionCheckpoint>([...checkpoints].filter(([table]) => progress.has(table)));
    return { applier, after: lowestPosition(of, projections) };
  }

  /** The farthest of the live tables; null where nothing was ever projected. */
  private async livePosition(): Promise<bigint | null> {
    const positions = [...(await this.dependencies.store.live()).values()].map(({ position }) => position);
    return positions.length === 0 ? null : positions.reduce((a, b) => (a > b ? a : b));
  }
}

export type RebuilderLimits = BulkLimits &
  Readonly<{
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
  copied: 4_000,
  pauseMs: 0,
  foldedBytes: 32 * 1024 * 1024,
  pageBytes: 8 * 1024 * 1024,
  rangeEvents: 50_000,
  samples: 20,
  poisoned: 10_000,
  skipped: 10_000,
  everyMs: 2_000,
  maximumPauseMs: 60_000,
  behindMs: 50,
};
