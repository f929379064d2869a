import { workflowStream, executionIdOf } from '../../domain/workflow/index.js';
import { mustFollow } from '../workflow/histories.js';
import type { Clock } from '../runtime/clock.js';
import { HistoryDamaged, type EventLog, type RecordedEvent, isTombstone } from '../log/event-log.js';
import { failpoint } from '../runtime/failpoint.js';
import type { PoisonOrder } from './admin/projection-records.js';
import { type Projection, type AnyRow, type Change, type ProjectedEvent, readEvent } from './projection.js';
import {
  CannotApply,
  type Poison,
  type ProjectionLease,
  type ProjectionWrite,
  type SkippedEvent,
  type ProjectionCheckpoint,
} from './projection-store.js';

/** Where one projection stands, by what was committed last. */
export class Progress {
  private readonly held = new Map<string, Poison>();

  constructor(
    private current: ProjectionCheckpoint | null,
    poisoned: readonly Poison[],
  ) {
    for (const poison of poisoned) this.held.set(poison.executionId, poison);
  }

  get checkpoint(): ProjectionCheckpoint | null {
    return this.current;
  }

  get poisoned(): readonly Poison[] {
    return [...this.held.values()];
  }

  isHeld(executionId: string): boolean {
    return this.held.has(executionId);
  }

  isBehind(position: bigint): boolean {
    return this.current === null || this.current.position < position;
  }

  committed({ poisoned, healed, checkpoint }: ProjectionWrite): void {
    for (const poison of poisoned) this.held.set(poison.executionId, poison);
    for (const executionId of healed) this.held.delete(executionId);
    if (checkpoint) this.current = checkpoint;
  }
}

/** What a projection makes of some events, and which of them it cannot take. Pure. */

/** Of the text that is kept with a poison event. */
const ERROR_CHARACTERS = 1_000;

/** An event that was read once, for all projections. */
type ReadEvent = Readonly<{ recorded: RecordedEvent; read: ProjectedEvent | Error }>;

const tryRead = (recorded: RecordedEvent): ReadEvent => {
  try {
    return { recorded, read: readEvent(recorded) };
  } catch (error) {
    return { recorded, read: asError(error) };
  }
};

type Projected = Readonly<{
  changes: readonly Change<AnyRow>[];
  poisoned: readonly Poison[];
  skipped: readonly SkippedEvent[];
}>;

/** What operators decided before: an event that cannot be taken holds nothing back where it is to be passed over. */
type Decided = (executionId: string, revision: bigint) => SkippedEvent | undefined;

/**
 * @param isHeld executions that are held back: their events are left for later
 * @param refused why the store cannot take what the (then single) event leads to
 */
const projectBatch = (
  projection: Projection,
  events: readonly ReadEvent[],
  isHeld: (executionId: string) => boolean,
  at: Date,
  refused?: Error,
  decided: Decided = () => undefined,
): Projected => {
  const changes: Change<AnyRow>[] = [];
  const poisoned = new Map<string, Poison>();
  const skipped: SkippedEvent[] = [];
  for (const { recorded, read } of events) {
    const executionId = executionIdOf(recorded.stream);
    if (isHeld(executionId) || poisoned.has(executionId) || isTombstone(recorded)) continue;
    try {
      if (refused) throw refused;
      if (read instanceof Error) throw read;
      changes.push(...projection.project(read));
    } catch (error) {
      const poison = poisonAt(projection, recorded, error, at);
      const decision = decided(executionId, recorded.revision);
      if (decision) skipped.push({ ...decision, error: poison.error });
      else poisoned.set(executionId, poison);
    }
  }
  return { changes, poisoned: [...poisoned.values()], skipped };
};

const poisonAt = (projection: Projection, recorded: RecordedEvent, error: unknown, at: Date): Poison => ({
  projection: projection.table,
  executionId: executionIdOf(recorded.stream),
  position: recorded.position,
  revision: recorded.revision,
  eventId: recorded.id,
  error: asError(error).message.slice(0, ERROR_CHARACTERS),
  at,
});

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** The position that is reached with a transaction, and whether more is behind it than one of every day takes. */
type Goal = Readonly<{ to: bigint; isCatchingUp: boolean }>;

/**
 * Takes events into the read tables. An event that cannot be read or written holds back its own execution, in the
 * projections concerned, and is recorded with the checkpoint that passes it; healing goes on from there, in order.
 */
export class Applier {
  constructor(
    private readonly session: ProjectionLease,
    private readonly projections: readonly Projection[],
    private readonly progress: ReadonlyMap<string, Progress>,
    private readonly clock: Clock,
    private readonly limits: Readonly<{ poisoned: number }>,
    /** By projection: events that were passed over when the table was built before. */
    private readonly decisions: ReadonlyMap<string, readonly SkippedEvent[]> = new Map(),
  ) {}

  /**
   * Rows, poison and checkpoints in one transaction; `to` is the position that is reached with them.
   * @param isCatchingUp see `ProjectionWrite`
   */
  advance(events: readonly RecordedEvent[], to: bigint, isCatchingUp = false): Promise<void> {
    return this.apply(events.map(tryRead), { to, isCatchingUp }, new Map());
  }

  /** Where the data are at fault, smaller and smaller transactions, until the event is found that cannot be written. */
  private async apply(events: readonly ReadEvent[], goal: Goal, refusals: ReadonlyMap<string, Error>): Promise<void> {
    try {
      await this.commit(this.projections.map((projection) => this.writeFor(projection, events, goal, refusals)));
    } catch (error) {
      if (!(error instanceof CannotApply) || refusals.has(error.projection)) throw error;
      const half = Math.floor(events.length / 2);
      const before = events[half - 1];
      if (!before) return this.apply(events, goal, new Map(refusals).set(error.projection, error));
      await this.apply(events.slice(0, half), { ...goal, to: before.recorded.position }, new Map());
      await this.apply(events.slice(half), goal, new Map());
    }
  }

  private writeFor(
    projection: Projection,
    events: readonly ReadEvent[],
    { to, isCatchingUp }: Goal,
    refusals: ReadonlyMap<string, Error>,
  ): ProjectionWrite {
    const progress = this.progressOf(projection);
    const isHeld = (executionId: string) => progress.isHeld(executionId);
    const due = events.filter(({ recorded }) => progress.isBehind(recorded.position));
    const refused = refusals.get(projection.table);
    const last = due.at(-1)?.recorded;
    const lastEventAt = last?.recordedAt ?? progress.checkpoint?.lastEventAt ?? null;
    const lastEvent = last ? { position: last.position, id: last.id } : progress.checkpoint?.lastEvent;
    return {
      projection: projection.table,
      ...projectBatch(projection, due, isHeld, this.clock.now(), refused, this.decidedFor(projection)),
      healed: [],
      events: due.length,
      version: projection.version,
      checkpoint: progress.isBehind(to) ? { position: to, lastEventAt, lastEvent } : null,
      isCatchingUp,
    };
  }

  /** Tries what is held back again. What still cannot be taken stays held, with the error of today. */
  async heal(log: EventLog): Promise<void> {
    for (const projection of this.projections) {
      for (const poison of this.progressOf(projection).poisoned)
        await this.healOne(projection, poison, log).catch(unlessDamaged);
    }
  }

  /** Of an operator, for one execution. @returns what came of it, for people */
  async carryOut(order: PoisonOrder, log: EventLog): Promise<string> {
    const { executionId, action, revision } = order;
    const projection = this.projections.find(({ table }) => table === order.projection);
    if (!projection) return 'this version has no such projection';
    const held = () => this.progressOf(projection).poisoned.find((poison) => poison.executionId === executionId);
    const poison = held();
    if (!poison) return 'it was not held back any more';
    if (action === 'skip' && poison.revision !== revision) return `nothing: it is held back at ${poison.revision} now`;
    const damaged = await (
      action === 'retry' ? this.healOne(projection, poison, log) : this.skip(projection, poison, order, log)
    ).catch(unlessDamaged);
    if (damaged) return `nothing: ${damaged.message}`;
    const still = held();
    return still ? `held back at revision ${still.revision}: ${still.error}` : 'it is up to date';
  }

  /** The event is passed over, with a note that stays; what came after it is tried as always. */
  private async skip(projection: Projection, poison: Poison, order: PoisonOrder, log: EventLog): Promise<void> {
    const { executionId, revision } = poison;
    const events = await eventsFrom(log, executionId, revision + 1n);
    const next = events.find(({ position }) => !this.progressOf(projection).isBehind(position));
    const at = this.clock.now();
    const waiting = next && poisonAt(projection, next, new Error('Not tried yet'), at);
    const skipped = [{ ...poison, at, actor: order.actor, reason: order.reason }];
    const after = waiting ? { poisoned: [waiting], healed: [] } : { poisoned: [], healed: [executionId] };
    await this.commit([{ ...nothingFor(projection), ...after, skipped }]);
    if (waiting) await this.healOne(projection, waiting, log);
  }

  /** One event in a transaction: it is rare, and each of them leaves a true record of how far it came. */
  private async healOne(projection: Projection, { executionId, revision }: Poison, log: EventLog): Promise<void> {
    const events = await eventsFrom(log, executionId, revision);
    const due = events.filter(({ position }) => !this.progressOf(projection).isBehind(position)).map(tryRead);
    // Where the log no longer holds the event, going on without it would be skipping it.
    if (due[0]?.recorded.revision !== revision) return;
    const nothing = nothingFor(projection);
    for (const [index, event] of due.entries()) {
      const next = due[index + 1];
      const { changes, poisoned } = projectBatch(projection, [event], () => false, this.clock.now());
      const waiting = next && poisonAt(projection, next.recorded, new Error('Not tried yet'), this.clock.now());
      const done = waiting ? { poisoned: [waiting] } : { healed: [executionId] };
      try {
        await this.commit([{ ...nothing, changes, ...(poisoned.length > 0 ? { poisoned } : done) }]);
      } catch (error) {
        if (!(error instanceof CannotApply)) throw error;
        const refused = poisonAt(projection, event.recorded, error, this.clock.now());
        return this.commit([{ ...nothing, poisoned: [refused] }]);
      }
      if (poisoned.length > 0) return;
    }
  }

  private async commit(writes: readonly ProjectionWrite[]): Promise<void> {
    const held = [...this.progress.values()].reduce((sum, { poisoned }) => sum + poisoned.length, 0);
    const more = writes
      .flatMap(({ poisoned }) => poisoned)
      .filter(({ projection, executionId }) => !this.progress.get(projection)?.isHeld(executionId));
    if (held + more.length > this.limits.poisoned) {
      throw new Error(`More than ${this.limits.poisoned} executions would be held back: the projections stand still`);
    }
    failpoint('before-checkpoint');
    await this.session.apply(writes);
    for (const write of writes) this.progress.get(write.projection)?.committed(write);
  }

  private decidedFor({ table }: Projection): Decided {
    const decisions = this.decisions.get(table) ?? [];
    return (executionId, revision) =>
      decisions.find((each) => each.executionId === executionId && each.revision === revision);
  }

  private progressOf({ table }: Projection): Progress {
    const progress = this.progress.get(table);
    if (!progress) throw new Error(`Projection ${table} has no progress: it was not among those that were opened`);
    return progress;
  }
}

const nothingFor = ({ table, version }: Projection): ProjectionWrite => ({
  projection: table,
  ...{ changes: [], poisoned: [], healed: [], version, checkpoint: null },
});

/** It stays held back, and those of other executions do not wait behind it. */
const unlessDamaged = (error: unknown): HistoryDamaged => {
  if (error instanceof HistoryDamaged) return error;
  throw error;
};

/** @throws HistoryDamaged: going on behind events that are not there would be skipping them */
const eventsFrom = async (log: EventLog, executionId: string, from: bigint): Promise<readonly RecordedEvent[]> => {
  const stream = workflowStream(executionId);
  const { events } = await log.read(stream, from);
  mustFollow(stream, from, events);
  return events;
};
