import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { OperatorCommand } from '../../domain/workflow/commands.js';
import { Clock } from '../runtime/clock.js';
import { Ids } from '../log/ids.js';
import { WorkflowSaga } from '../saga/workflow-saga.js';
import type { Outcome } from '../workflow/outcome.js';
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
