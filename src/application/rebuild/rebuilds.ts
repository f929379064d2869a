import { awaited, type Proposal } from '../../domain/projection/proposal.js';
import { isOpen, projectionLife, type ProjectionCommand, type Rebuild } from '../../domain/projection/rebuild.js';
import {
  projectionStream,
  readProjectionEvent,
  type RebuildCause,
  type Requirement,
} from '../../domain/projection/events.js';
import type { Clock } from '../runtime/clock.js';
import type { CommandContext } from '../log/envelope.js';
import { NotFound } from '../runtime/errors.js';
import type { EventLog } from '../log/event-log.js';
import type { ForeignEvents } from '../log/foreign-events.js';
import { commandIdFor } from '../log/ids.js';
import type { Projection } from '../projections/projection.js';
import { SmallStream, type SmallFold, type SmallOutcome } from '../log/small-stream.js';
import { afterAppend } from '../log/stream-writer.js';
import type { BuildProgress, LiveTable, RebuildStore } from './rebuild-store.js';

const lives = new SmallStream(projectionLife, readProjectionEvent);
export type Life = SmallFold<typeof projectionLife.initialState>;

export type RebuildView = Readonly<{
  projection: string;
  /** The latest; null where there was none. */
  rebuild: Rebuild | null;
  /** Whether the table that the latest swap replaced is still there. */
  previous: boolean;
  /** One actor wants the table dropped, and another has to confirm it; null where none does, or it was too long ago. */
  dropProposed: Proposal | null;
  live: LiveTable | null;
  /** Of the table that is being built; null where none is. */
  building: BuildProgress | null;
}>;

/** What operators ask of rebuilds. The log says what was asked; the Rebuilder of some instance carries it out. */
export class Rebuilds {
  /** What was read of each stream, so that a look costs only what is new. */
  private readonly known = new Map<string, Life>();

  constructor(
    private readonly ports: Readonly<{ log: EventLog; clock: Clock; store: RebuildStore; foreign?: ForeignEvents }>,
    private readonly projections: readonly Projection[],
  ) {}

  /** @throws CommandRejected where one is under way; NotFound where there is no such projection */
  async request(
    projection: string,
    { require, cause = 'operator' }: Readonly<{ require: Requirement; cause?: RebuildCause }>,
    context: CommandContext,
  ): Promise<RebuildView> {
    const { version } = this.projection(projection);
    // The same request has the same id, also when it is repeated on another instance.
    const rebuildId = commandIdFor(projectionStream(projection), 'rebuild', context.commandId);
    return this.carryOut(
      projection,
      (order) => ({
        type: 'RequestRebuild',
        data: { rebuildId, projection, require, cause, version, ...order },
      }),
      context,
    );
  }

  approve(projection: string, rebuildId: string, context: CommandContext): Promise<RebuildView> {
    return this.carryOut(projection, (order) => ({ type: 'ApproveRebuild', data: { rebuildId, ...order } }), context);
  }

  abandon(projection: string, rebuildId: string, context: CommandContext): Promise<RebuildView> {
    return this.carryOut(projection, (order) => ({ type: 'AbandonRebuild', data: { rebuildId, ...order } }), context);
  }

  /** The table that the latest swap replaced is brought up to date and takes its place again. */
  rollback(projection: string, context: CommandContext): Promise<RebuildView> {
    return this.carryOut(projection, (order) => ({ type: 'RequestRollback', data: order }), context);
  }

  dropPrevious(projection: string, context: CommandContext): Promise<RebuildView> {
    return this.carryOut(projection, (order) => ({ type: 'DropPrevious', data: order }), context);
  }

  async view(projection: string): Promise<RebuildView> {
    this.projection(projection);
    const [life, live, building] = await Promise.all([
      this.life(projection),
      this.ports.store.live(),
      this.ports.store.progress('shadow'),
    ]);
    const { rebuild, previous, dropProposed } = life.state;
    const built = building.get(projection) ?? null;
    return {
      projection,
      rebuild,
      previous,
      dropProposed: awaited(dropProposed, this.ports.clock.now().toISOString()),
      live: live.get(projection) ?? null,
      building: isOpen(rebuild) && built?.rebuildId === rebuild?.id ? built : null,
    };
  }

  /** For the one that carries it out. */
  async life(projection: string): Promise<Life> {
    const life = await lives.read(this.ports, projectionStream(projection), this.known.get(projection));
    this.known.set(projection, life);
    return life;
  }

  /** What was done; nothing where that is known already. */
  async record(projection: string, command: ProjectionCommand, context: CommandContext): Promise<void> {
    await this.execute(projection, command, context);
  }

  private async carryOut(
    projection: string,
    command: (
      order: Readonly<{ actor: CommandContext['actor']; reason: string | null; at: string }>,
    ) => ProjectionCommand,
    context: CommandContext,
  ): Promise<RebuildView> {
    this.projection(projection);
    const { actor, reason, at } = context;
    await this.execute(projection, command({ actor, reason, at: at.toISOString() }), context);
    return afterAppend(() => this.view(projection));
  }

  private async execute(
    projection: string,
    command: ProjectionCommand,
    context: CommandContext,
  ): Promise<SmallOutcome<Life['state']>> {
    const read = () => this.life(projection);
    const outcome = await lives.execute(this.ports, projectionStream(projection), command, context, read);
    if (outcome.changed) this.known.set(projection, outcome.folded);
    return outcome;
  }

  private projection(name: string): Projection {
    const found = this.projections.find(({ table }) => table === name);
    if (found) return found;
    const names = this.projections.map(({ table }) => table).join(', ');
    throw new NotFound(`There is no projection ${name}; there are ${names}`);
  }
}

/** @throws NotFound where it is not the latest of that projection: of those before it only the events tell */
export const rebuildOf = async (rebuilds: Rebuilds, projection: string, id: string): Promise<RebuildView> => {
  const view = await rebuilds.view(projection);
  if (view.rebuild?.id === id) return view;
  const latest = view.rebuild ? `its latest is ${view.rebuild.id}` : 'it was never rebuilt';
  throw new NotFound(`Projection ${projection} has no rebuild ${id}; ${latest}`);
};
