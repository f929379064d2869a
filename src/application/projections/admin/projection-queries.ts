import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { ProjectionStatuses, type ProjectionStatus } from './projection-status.js';
import { rebuildOf, Rebuilds, type RebuildView } from '../../rebuild/rebuilds.js';

/** @param projection null for all; `listed`: of what is held back, for each, at most */
export class ListProjections extends Query<readonly ProjectionStatus[]> {
  constructor(
    readonly projection: string | null,
    readonly listed: number,
  ) {
    super();
  }
}

@QueryHandler(ListProjections)
export class ListProjectionsHandler implements IQueryHandler<ListProjections> {
  constructor(private readonly statuses: ProjectionStatuses) {}

  execute({ projection, listed }: ListProjections): Promise<readonly ProjectionStatus[]> {
    return this.statuses.look(projection, listed);
  }
}

export class GetRebuild extends Query<RebuildView> {
  constructor(
    readonly projection: string,
    readonly rebuildId: string,
  ) {
    super();
  }
}

@QueryHandler(GetRebuild)
export class GetRebuildHandler implements IQueryHandler<GetRebuild> {
  constructor(private readonly rebuilds: Rebuilds) {}

  execute({ projection, rebuildId }: GetRebuild): Promise<RebuildView> {
    return rebuildOf(this.rebuilds, projection, rebuildId);
  }
}
