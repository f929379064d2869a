import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { OperatorCommand } from '../../domain/workflow/commands.js';
import { agentStream } from '../../domain/agent/hold.js';
import { Clock } from '../runtime/clock.js';
import { Ids } from '../log/ids.js';
import { WorkflowSaga } from '../saga/workflow-saga.js';
import type { Outcome } from '../workflow/fold-cache.js';
import { AgentHolds, type HoldOrder, type HoldOutcome } from '../agents/agent-holds.js';
import { Agents } from '../agents/agents.js';
import { NotFound } from '../runtime/errors.js';
import { AuditReviews, type RecordedReview, type ReviewRequest } from '../audit/reviews.js';
import { contextOf, type Caller } from './caller.js';

/** Every operator's verb but the start: pause, resume, cancel, retry, next step, remaining steps. */
export type ControlOrder = Exclude<OperatorCommand, { type: 'StartWorkflow' }>;

export class ControlWorkflow extends Command<Outcome> {
  constructor(
    readonly executionId: string,
    readonly order: ControlOrder,
    readonly caller: Caller,
    /** The revision that the caller has seen: the order is refused at any other. Null: any will do. */
    readonly onlyAt: bigint | null = null,
  ) {
    super();
  }
}

/** One handler for all verbs: only the domain treats them differently. */
@CommandHandler(ControlWorkflow)
export class ControlWorkflowHandler implements ICommandHandler<ControlWorkflow> {
  constructor(
    private readonly saga: WorkflowSaga,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  execute({ executionId, order, caller, onlyAt }: ControlWorkflow): Promise<Outcome> {
    const { ids, clock } = this;
    const context = contextOf({ ids, clock }, caller, executionId, order.type);
    return this.saga.submit(executionId, { command: order, context }, { onlyAt });
  }
}

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

/** A person has looked at an execution's history up to a revision. */
export class ReviewAudit extends Command<RecordedReview> {
  constructor(
    readonly executionId: string,
    readonly request: ReviewRequest,
    readonly caller: Caller,
  ) {
    super();
  }
}

@CommandHandler(ReviewAudit)
export class ReviewAuditHandler implements ICommandHandler<ReviewAudit> {
  constructor(
    private readonly reviews: AuditReviews,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  execute({ executionId, request, caller }: ReviewAudit): Promise<RecordedReview> {
    const { ids, clock } = this;
    return this.reviews.record(executionId, request, contextOf({ ids, clock }, caller, executionId, 'ReviewAudit'));
  }
}
