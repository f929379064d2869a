import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { Definitions } from '../workflow/definitions.js';
import { refuseUnknownState } from './known-words.js';
import {
  ReadModel,
  type ExecutionFilter,
  type ListedExecution,
  type Page,
  type PageOfExecutions,
} from './read-model.js';

/** Eventually consistent; newest first. */
export class ListExecutions extends Query<Page<ListedExecution>> {
  constructor(
    readonly filter: ExecutionFilter,
    readonly page: PageOfExecutions,
  ) {
    super();
  }
}

@QueryHandler(ListExecutions)
export class ListExecutionsHandler implements IQueryHandler<ListExecutions> {
  constructor(
    private readonly readModel: ReadModel,
    private readonly definitions: Definitions,
  ) {}

  async execute({ filter, page }: ListExecutions): Promise<Page<ListedExecution>> {
    await refuseUnknownState(filter.state, this.definitions, this.readModel);
    return this.readModel.executions(filter, page);
  }
}
