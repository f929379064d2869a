import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { agentStream } from '../../domain/agent/hold.js';
import { AgentHolds, type HoldOrder, type HoldOutcome } from '../agents/agent-holds.js';
import { Agents } from '../agents/agents.js';
import { Clock } from '../runtime/clock.js';
import { NotFound } from '../runtime/errors.js';
import { Ids } from '../log/ids.js';
import { contextOf, type Caller } from './caller.js';

/** Holds an agent, or releases it: while it is held no instance calls it, and its steps wait. */
export class HoldAgent extends Command<HoldOutcome> {
  constructor(
    readonly agent: string,
    readonly order: HoldOrder,
    readonly caller: Caller,
  ) {
    super();
  }
}

@CommandHandler(HoldAgent)
export class HoldAgentHandler implements ICommandHandler<HoldAgent> {
  constructor(
    private readonly agents: Agents,
    private readonly holds: AgentHolds,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  async execute({ agent, order, caller }: HoldAgent): Promise<HoldOutcome> {
    const names = this.agents.list().map(({ name }) => name);
    if (!names.includes(agent)) throw new NotFound(`There is no agent ${agent}; known are ${names.join(', ')}`);
    const { ids, clock } = this;
    return this.holds.execute(agent, order, contextOf({ ids, clock }, caller, agentStream(agent), order.type));
  }
}
