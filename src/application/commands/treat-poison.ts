import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import {
  poisonOrders,
  poisonStream,
  readPoisonOrderEvent,
  type PoisonAction,
} from '../../domain/projection/poison-orders.js';
import type { Proposal } from '../../domain/projection/proposal.js';
import { Clock } from '../runtime/clock.js';
import { NotFound } from '../runtime/errors.js';
import { EventLog } from '../log/event-log.js';
import { Ids } from '../log/ids.js';
import { PoisonOrders, ProjectionRecords, type PlacedOrder } from '../projections/admin/projection-records.js';
import { SmallStream } from '../log/small-stream.js';
import { contextOf, type Caller } from './caller.js';

const stream = new SmallStream(poisonOrders, readPoisonOrderEvent);

/** `order`: null while another actor has to confirm it; then `awaiting` is what was proposed. */
export type PoisonTreatment = Readonly<
  { order: PlacedOrder; awaiting: null } | { order: null; awaiting: Proposal | null }
>;

/** Has an execution that a read table holds back tried again, or its event passed over. */
export class TreatPoison extends Command<PoisonTreatment> {
  constructor(
    readonly projection: string,
    readonly executionId: string,
    readonly action: PoisonAction,
    readonly reason: string,
    readonly caller: Caller,
  ) {
    super();
  }
}

@CommandHandler(TreatPoison)
export class TreatPoisonHandler implements ICommandHandler<TreatPoison> {
  constructor(
    private readonly log: EventLog,
    private readonly records: ProjectionRecords,
    private readonly orders: PoisonOrders,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** The event comes before the order: where an instance dies in between, a repeat under the same key completes it. */
  async execute({ projection, executionId, action, reason, caller }: TreatPoison): Promise<PoisonTreatment> {
    const { log, clock, ids } = this;
    const name = poisonStream(projection, executionId);
    const context = contextOf({ ids, clock }, caller, name, action);
    const before = await this.orders.find(context.commandId);
    if (before) return { order: before, awaiting: null };
    const poison = await this.records.poison(projection, executionId);
    if (!poison) throw new NotFound(`Projection ${projection} does not hold back an execution ${executionId}`);
    const { revision, error } = poison;
    const order = { projection, executionId, actor: context.actor, reason };
    const data = {
      ...order,
      orderId: context.commandId,
      revision: String(revision),
      error,
      at: context.at.toISOString(),
    };
    const type = action === 'retry' ? 'RetryPoison' : 'SkipPoison';
    const { folded } = await stream.execute({ log, clock }, name, { type, data }, context);
    const { ordered, skipProposed } = folded.state;
    if (!ordered.includes(context.commandId)) return { order: null, awaiting: skipProposed };
    const placed = { ...order, id: context.commandId, action, revision, placedAt: context.at };
    await this.orders.place(placed);
    const found = (await this.orders.find(placed.id)) ?? { ...placed, doneAt: null, outcome: null };
    return { order: found, awaiting: null };
  }
}
