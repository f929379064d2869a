import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { NotFound } from '../runtime/errors.js';
import { Histories } from '../workflow/histories.js';
import { pageFromLog, type EventsPage } from './page-from-log.js';
import { foreignTypes, refuseTypes } from '../queries/list-executions.js';
import { ReadModel, type EventsAsked } from '../queries/read-model.js';

/** The log has every event at once; the table follows it. */
type EventsSource = 'log' | 'projection';

/** A part of an execution's history. Nothing is cut in silence: it ends where `next` is null, and only there. */
export class GetEvents extends Query<EventsPage> {
  constructor(
    readonly executionId: string,
    readonly source: EventsSource,
    readonly asked: EventsAsked,
    readonly signal?: AbortSignal,
  ) {
    super();
  }
}

@QueryHandler(GetEvents)
export class GetEventsHandler implements IQueryHandler<GetEvents> {
  constructor(
    private readonly readModel: ReadModel,
    private readonly histories: Histories,
  ) {}

  async execute({ executionId, source, asked, signal }: GetEvents): Promise<EventsPage> {
    const page =
      source === 'log'
        ? await pageFromLog(this.histories, executionId, asked, signal)
        : await this.fromTable(executionId, asked);
    if (page.events.length === 0 && page.next === null && !(await this.histories.begins(executionId))) {
      throw new NotFound(`There is no execution ${executionId}`);
    }
    refuseTypes(await this.unknownTypes(executionId, asked.types, page));
    return page;
  }

  /** Another program may have written events of its own types into the stream: those may be asked for. */
  private async unknownTypes(executionId: string, types: EventsAsked['types'], { events }: EventsPage) {
    const shown = new Set(events.map(({ event_type }) => event_type));
    const foreign = foreignTypes(types).filter((type) => !shown.has(type));
    if (foreign.length === 0) return [];
    const there = new Set(await this.readModel.typesAmong(executionId, foreign));
    return foreign.filter((type) => !there.has(type));
  }

  private async fromTable(executionId: string, asked: EventsAsked): Promise<EventsPage> {
    const rows = await this.readModel.events(executionId, { ...asked, limit: asked.limit + 1 });
    const events = rows.slice(0, asked.limit);
    return { events, next: rows.length > asked.limit ? BigInt(events.at(-1)!.revision) : null };
  }
}
