import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { NotFound } from '../errors.js';
import { Workflows } from '../workflows.js';
import { ReadModel, type EventView } from './read-model.js';

export type EventsPage = Readonly<{ events: readonly EventView[]; nextAfterRevision: string | null }>;

/** Eventually consistent; oldest first. `nextAfterRevision` is null on the last page: nothing is cut in silence. */
export class GetEvents extends Query<EventsPage> {
  constructor(
    readonly executionId: string,
    readonly page: Readonly<{ afterRevision: bigint | null; limit: number }>,
  ) {
    super();
  }
}

@QueryHandler(GetEvents)
export class GetEventsHandler implements IQueryHandler<GetEvents> {
  constructor(
    private readonly readModel: ReadModel,
    private readonly workflows: Workflows,
  ) {}

  async execute({ executionId, page }: GetEvents): Promise<EventsPage> {
    const rows = await this.readModel.events(executionId, { ...page, limit: page.limit + 1 });
    if (rows.length === 0 && (await this.workflows.load(executionId)).state.status === 'none') {
      throw new NotFound(`There is no execution ${executionId}`);
    }
    const events = rows.slice(0, page.limit);
    return { events, nextAfterRevision: rows.length > page.limit ? (events.at(-1)?.revision ?? null) : null };
  }
}
