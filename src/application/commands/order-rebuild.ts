import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { CommandRejected } from '../../domain/decider.js';
import { projectionStream, type Requirement } from '../../domain/projection/events.js';
import { Clock } from '../runtime/clock.js';
import { Ids } from '../log/ids.js';
import { projections } from '../projections/index.js';
import { rebuildOf, Rebuilds, type RebuildView } from '../rebuild/rebuilds.js';
import { contextOf, type Caller } from './caller.js';

export type RebuildOrder =
  | Readonly<{ type: 'request'; require: Requirement }>
  | Readonly<{ type: 'approve' | 'abandon'; rebuildId: string }>
  | Readonly<{ type: 'rollback' | 'drop-previous' }>;

/** Has a read table built anew, and says what is to become of it. */
export class OrderRebuild extends Command<RebuildView> {
  constructor(
    readonly projection: string,
    readonly order: RebuildOrder,
    readonly caller: Caller,
  ) {
    super();
  }
}

@CommandHandler(OrderRebuild)
export class OrderRebuildHandler implements ICommandHandler<OrderRebuild> {
  constructor(
    private readonly rebuilds: Rebuilds,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  async execute({ projection, order, caller }: OrderRebuild): Promise<RebuildView> {
    const { rebuilds, ids, clock } = this;
    const verb = 'rebuildId' in order ? `${order.type} ${order.rebuildId}` : order.type;
    const context = contextOf({ ids, clock }, caller, projectionStream(projection), verb);
    switch (order.type) {
      case 'request':
        return rebuilds.request(projection, { require: order.require }, context);
      case 'approve':
        return rebuilds.approve(projection, await this.latest(projection, order.rebuildId), context);
      case 'abandon':
        return rebuilds.abandon(projection, await this.latest(projection, order.rebuildId), context);
      case 'rollback':
        return rebuilds.rollback(projection, context);
      case 'drop-previous':
        return rebuilds.dropPrevious(projection, context);
    }
  }

  private async latest(projection: string, rebuildId: string): Promise<string> {
    return (await rebuildOf(this.rebuilds, projection, rebuildId)).rebuild!.id;
  }
}

export type RebuildRequested = Readonly<{ projection: string; view: RebuildView | null; refusal: string | null }>;

/** Each projection by itself: one that cannot be rebuilt now keeps no other from it. @throws where none can */
export const requestAll = async (
  request: (projection: string) => Promise<RebuildView>,
): Promise<readonly RebuildRequested[]> => {
  const outcomes: RebuildRequested[] = [];
  let refused: CommandRejected | null = null;
  for (const { table: projection } of projections) {
    try {
      outcomes.push({ projection, view: await request(projection), refusal: null });
    } catch (error) {
      if (!(error instanceof CommandRejected)) throw error;
      refused ??= error;
      outcomes.push({ projection, view: null, refusal: error.message });
    }
  }
  if (refused && outcomes.every(({ view }) => view === null)) throw refused;
  return outcomes;
};
