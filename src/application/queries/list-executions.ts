import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
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
  constructor(private readonly readModel: ReadModel) {}

  execute({ filter, page }: ListExecutions): Promise<Page<ListedExecution>> {
    return this.readModel.executions(filter, page);
  }
}
