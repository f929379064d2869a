import { projectionStream } from '../../domain/projection/events.js';
import { type ProjectionCommand, type Rebuild, isOpen } from '../../domain/projection/rebuild.js';
import type { OnError } from '../runtime/errors.js';
import { every, type Clock } from '../runtime/clock.js';
import type { CommandContext } from '../log/envelope.js';
import type { EventLog } from '../log/event-log.js';
import { commandIdFor, type Ids } from '../log/ids.js';
import type { Projection } from '../projections/projection.js';
import { Building, type Job, type RebuilderLimits } from './building.js';
import type { StreamOrderedLog } from './bulk-store.js';
import type { Area, RebuildSession, RebuildStore } from './rebuild-store.js';
import type { Rebuilds } from './rebuilds.js';

/**
 * Has the tables rebuilt that an earlier version of their mapping made, and those that are new beside a log that is not.
 * Each version is asked for once: where an operator abandons it, or takes it back, it stays so. Tables of a later version
 * are left to the instances that know it.
 */
const rebuildOutdated = async (
  { store, rebuilds, clock }: Readonly<{ store: RebuildStore; rebuilds: Rebuilds; clock: Clock }>,
  projections: readonly Projection[],
): Promise<void> => {
  const live = await store.live();
  if (live.size === 0) return;
  for (const { table, version } of projections) {
    const present = live.get(table);
    if (present && present.version >= version) continue;
    const { rebuild } = (await rebuilds.life(table)).state;
    if (rebuild && isOpen(rebuild)) {
      // What is on its way back, or swapped in and only not recorded, is finished first.
      const isEnding = rebuild.phase === 'rolling_back' || present?.rebuildId === rebuild.id;
      if (rebuild.version >= version || isEnding) continue;
      const asked = contextOf(table, 'superseded', rebuild.id, clock, `The mapping has version ${version} now`);
      await rebuilds.abandon(table, rebuild.id, asked);
    }
    const reason = present ? `The table is of version ${present.version}, the mapping of ${version}` : 'It is new';
    const asked = contextOf(table, 'version', String(version), clock, reason);
    await rebuilds.request(table, { require: 'none', cause: 'version' }, asked);
  }
};

/** The same wish of several instances is one command. */
const contextOf = (table: string, verb: string, of: string, clock: Clock, reason: string): CommandContext => {
  const commandId = commandIdFor(projectionStream(table), verb, of);
  const actor = { type: 'system', id: 'rebuilder' } as const;
  return { commandId, at: clock.now(), actor, reason, causationId: null, traceparent: null };
};

export { DEFAULT_REBUILDER_LIMITS, type RebuilderLimits } from './building.js';

/** What ends in a swap, and what takes one back. */
type Phase = 'accepted' | 'rolling_back';
type Dependencies = Readonly<{
  store: RebuildStore;
  rebuilds: Rebuilds;
  log: EventLog;
  /** Where the log is a table of the same database. */
  streams?: StreamOrderedLog;
  clock: Clock;
  ids: Ids;
}>;

/**
 * Carries out operators' orders for rebuilds: one instance at a time. However it ends, the next one goes on from what the
 * streams and the tables say.
 */
export class Rebuilder {
  private readonly ending = new AbortController();
  private loop: Promise<void> = Promise.resolve();

  constructor(
    private readonly dependencies: Dependencies,
    private readonly projections: readonly Projection[],
    private readonly limits: RebuilderLimits,
    private readonly onError: OnError,
  ) {}

  /** @param carryOut does `work` somewhere else, as it takes the processor for long; until the signal ends it */
  start(carryOut: (signal: AbortSignal) => Promise<unknown> = (signal) => this.work(signal)): void {
    const onError = (error: unknown) => this.onError('The rebuild stopped and is tried again', error);
    const work = async () => {
      await rebuildOutdated(this.dependencies, this.projections);
      if (await this.isDue()) await carryOut(this.ending.signal);
    };
    const { everyMs, maximumPauseMs } = this.limits;
    this.loop = every(this.dependencies.clock, everyMs, this.ending.signal, work, onError, maximumPauseMs);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.loop;
  }

  /** Does all that is to be done. @returns false where another instance is at it */
  async work(signal: AbortSignal): Promise<boolean> {
    if (!(await this.isDue())) return true;
    const session = await this.dependencies.store.tryBuild();
    if (!session) return false;
    const either = AbortSignal.any([signal, session.lost]);
    try {
      await this.clear(session);
      const onError = (error: unknown) => this.onError('Reading the log for a rebuild is tried again', error);
      const building = new Building(this.dependencies, session, this.limits, either, onError);
      await this.build(session, building);
      await this.swap(session, building, 'accepted', 'shadow');
      await this.swap(session, building, 'rolling_back', 'previous');
      await this.clear(session);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await session.close();
    }
    return true;
  }

  private async isDue(): Promise<boolean> {
    if ((await this.leftOvers()).length > 0) return true;
    const phases = await Promise.all(this.projections.map(async ({ table }) => (await this.rebuild(table))?.phase));
    return phases.some((phase) => phase === 'building' || phase === 'accepted' || phase === 'rolling_back');
  }

  /** Tables of rebuilds that are over. */
  private async leftOvers(): Promise<readonly Readonly<{ table: string; area: Area }>[]> {
    const { store, rebuilds } = this.dependencies;
    const [shadow, previous] = await Promise.all([store.progress('shadow'), store.progress('previous')]);
    const found: { table: string; area: Area }[] = [];
    for (const { table } of this.projections) {
      if (!shadow.has(table) && !previous.has(table)) continue;
      const { rebuild, previous: isKept } = (await rebuilds.life(table)).state;
      const isBuilt = ['building', 'refused', 'accepted'].includes(rebuild?.phase ?? '');
      if (shadow.has(table) && !isBuilt) found.push({ table, area: 'shadow' });
      // A swap that is not recorded yet has put the table there.
      if (previous.has(table) && !isKept && rebuild?.phase !== 'accepted') found.push({ table, area: 'previous' });
    }
    return found;
  }

  private async clear(session: RebuildSession): Promise<void> {
    for (const { table, area } of await this.leftOvers()) await session.discard(table, area);
  }

  private async jobs(phase: Rebuild['phase']): Promise<readonly Job[]> {
    const all = await Promise.all(
      this.projections.map(async (projection) => ({ projection, rebuild: await this.rebuild(projection.table) })),
    );
    return all.flatMap(({ projection, rebuild }) => (rebuild?.phase === phase ? [{ projection, rebuild }] : []));
  }

  private async build(session: RebuildSession, building: Building): Promise<void> {
    const jobs = (await this.jobs('building')).filter(isOfThisVersion);
    if (jobs.length === 0) return;
    await building.fill(jobs);
    await building.catchUp('shadow', jobs);
    for (const job of jobs) {
      const comparison = await building.compare(job, jobs);
      const at = this.dependencies.clock.now().toISOString();
      const data = { rebuildId: job.rebuild.id, comparison, at };
      await this.record(job.projection.table, { type: 'RecordComparison', data }, 'compared');
    }
  }

  private async swap(session: RebuildSession, building: Building, phase: Phase, area: Area): Promise<void> {
    const jobs = await this.jobs(phase);
    const isDone = await this.swapped(phase);
    const due = jobs.filter((job) => !isDone(job) && (phase === 'rolling_back' || isOfThisVersion(job)));
    if (due.length > 0) {
      // Most of the way while the live tables go on: little is left for the moment in which they stand still.
      await building.catchUp(area, due);
      const align = async (position: bigint) => void (await building.bringTo(area, due, position));
      const swaps = due.map(({ projection, rebuild }) => ({
        projection: projection.table,
        version: rebuild.version,
        rebuildId: rebuild.id,
      }));
      await session.swap(swaps, area, align, building.signal);
    }
    for (const job of jobs) if (isDone(job) || due.includes(job)) await this.recordSwap(phase, job);
  }

  /** Whether the swap is committed already, and only not recorded. */
  private async swapped(phase: Phase): Promise<(job: Job) => boolean> {
    const live = await this.dependencies.store.live();
    return ({ projection: { table }, rebuild }) =>
      (live.get(table)?.rebuildId === rebuild.id) === (phase === 'accepted');
  }

  private async recordSwap(phase: Phase, { projection, rebuild }: Job): Promise<void> {
    const { store, clock } = this.dependencies;
    const position = String((await store.live()).get(projection.table)?.position ?? 0);
    const data = { rebuildId: rebuild.id, position, at: clock.now().toISOString() };
    const command: ProjectionCommand =
      phase === 'accepted'
        ? { type: 'RecordSwap', data: { ...data, version: rebuild.version } }
        : { type: 'RecordRollback', data };
    await this.record(projection.table, command, phase === 'accepted' ? 'swapped' : 'rolled back');
  }

  private async rebuild(table: string): Promise<Rebuild | null> {
    return (await this.dependencies.rebuilds.life(table)).state.rebuild;
  }

  /** The same thing recorded twice, also by two instances, is one command. */
  private async record(table: string, command: ProjectionCommand, what: string): Promise<void> {
    const { clock, rebuilds } = this.dependencies;
    const { rebuildId } = command.data as Readonly<{ rebuildId: string }>;
    const context: CommandContext = {
      commandId: commandIdFor(projectionStream(table), what, rebuildId),
      at: clock.now(),
      actor: { type: 'system', id: 'rebuilder' },
      reason: null,
      causationId: rebuildId,
      traceparent: null,
    };
    await rebuilds.record(table, command, context);
  }
}

/** What another version of the mapping began, only that version can go on with. */
const isOfThisVersion = ({ projection, rebuild }: Job) => rebuild.version === projection.version;
