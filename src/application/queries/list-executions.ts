import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { ReadModel, type ExecutionFilter, type ExecutionView, type Page } from './read-model.js';

/** Eventually consistent; newest first. */
export class ListExecutions extends Query<Page<ExecutionView>> {
  constructor(
    readonly filter: ExecutionFilter,
    readonly page: Readonly<{ cursor: string | null; limit: number }>,
  ) {
    super();
  }
}

@QueryHandler(ListExecutions)
export class ListExecutionsHandler implements IQueryHandler<ListExecutions> {
  constructor(private readonly readModel: ReadModel) {}

  execute({ filter, page }: ListExecutions): Promise<Page<ExecutionView>> {
    return this.readModel.executions(filter, page);
  }
}
