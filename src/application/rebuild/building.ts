import type { Comparison } from '../../domain/projection/events.js';
import type { Rebuild } from '../../domain/projection/rebuild.js';
import { sleep, type Clock } from '../runtime/clock.js';
import type { EventLog } from '../log/event-log.js';
import type { Ids } from '../log/ids.js';
import { Applier } from '../projections/applier.js';
import { Progress } from '../projections/progress.js';
import type { Projection } from '../projections/projection.js';
import { lowestPosition, type ProjectionCheckpoint } from '../projections/projection-store.js';
import { projectUntil } from './project-until.js';
import type { Area, RebuildSession, RebuildStore } from './rebuild-store.js';
import type { RebuilderLimits } from './rebuilder-limits.js';

/** Each is shorter than the one before, where building is faster than what comes in. */
const CATCH_UP_ROUNDS = 10;

export type Job = Readonly<{ projection: Projection; rebuild: Rebuild }>;

/** Brings tables that stand beside the live ones to where those are, and looks at both. */
export class Building {
  constructor(
    private readonly ports: Readonly<{ store: RebuildStore; log: EventLog; clock: Clock; ids: Ids }>,
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
    const { clock, store } = this.ports;
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
    const { log, clock, ids } = this.ports;
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
    const positions = [...(await this.ports.store.live()).values()].map(({ position }) => position);
    return positions.length === 0 ? null : positions.reduce((a, b) => (a > b ? a : b));
  }
}
