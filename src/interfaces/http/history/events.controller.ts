import { Controller, Get, Logger, Param, Query, Req, Res } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { Request, Response } from 'express';
import { GetEvents } from '../../../application/history/get-events.js';
import type { EventsAsked } from '../../../application/queries/read-model.js';
import { answer } from '../server/answers.js';
import { clientLeft } from '../server/client-left.js';
import { EVENTS_PER_PAGE, EventsQuery, typesOf } from './history-queries.js';
import { ExecutionPath } from '../executions/queries.js';
import { revisionOf } from '../server/query-fields.js';
import { answerTo } from '../server/error-answer.js';
import { cloudEvent, endCloudEvent } from './cloud-event.js';
import { cursorRevision, eventCursor } from './event-cursor.js';
import { LINES_LIMITS, sendLines } from './event-lines.js';
import { linkToNext } from '../server/public-path.js';
import { negotiate, type Wanted } from './negotiate.js';

/** The history of an execution: a page as JSON or as CloudEvents, or the whole as lines. */
@Controller('api/v1/workflow')
export class EventsController {
  private readonly logger = new Logger('History');

  constructor(private readonly queries: QueryBus) {}

  @Get(':execution_id/events')
  async events(
    @Param() path: ExecutionPath,
    @Query() query: EventsQuery,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const wanted = negotiate(request, query.format);
    response.vary('Accept');
    const asked = askedFor(query, wanted);
    const executionId = path.execution_id.toLowerCase();
    const [source, left] = [query.source ?? 'log', clientLeft(response)];
    const read = (part: EventsAsked) => this.queries.execute(new GetEvents(executionId, source, part, left));
    const first = await read(asked);
    const cursor = (next: bigint) => eventCursor(asked, next);
    if (wanted.lines) {
      const told = (error: unknown) => this.told(error, request, response);
      const pageAfter = query.limit === undefined ? (next: bigint) => read(from(asked, next)) : null;
      const event = wanted.cloudEvents ? cloudEvent : (view: unknown) => view;
      const end = (last: Parameters<typeof endCloudEvent>[1]) =>
        wanted.cloudEvents ? endCloudEvent(executionId, last) : { end: last };
      return sendLines(response, wanted.mediaType, { first, pageAfter, cursor, event, end, told });
    }
    const { events, next } = first;
    const nextCursor = next === null ? null : cursor(next);
    if (nextCursor !== null) linkToNext(response, nextPage(request, nextCursor));
    if (wanted.cloudEvents) {
      response.setHeader('Content-Type', wanted.mediaType);
      response.send(Buffer.from(JSON.stringify(events.map(cloudEvent))));
      return;
    }
    const nextAfterRevision = next === null || asked.order === 'desc' ? null : String(next);
    response.json(answer({ events, next_after_revision: nextAfterRevision, next_cursor: nextCursor }));
  }

  private told(error: unknown, request: Request, response: Response): unknown {
    const { body, isOurs } = answerTo(error, request, String(response.getHeader('X-Request-Id') ?? ''));
    if (isOurs) this.logger.error('A history could not be sent whole', error instanceof Error ? error.stack : error);
    return body;
  }
}

const askedFor = (query: EventsQuery, { lines }: Wanted): EventsAsked => {
  const usual = lines ? LINES_LIMITS.pageEvents : EVENTS_PER_PAGE.usual;
  const asked: EventsAsked = {
    order: query.order ?? 'asc',
    afterRevision: revisionOf(query.after_revision),
    beforeRevision: null,
    types: typesOf(query.type),
    limit: Number(query.limit ?? usual),
  };
  return query.cursor === undefined ? asked : from(asked, cursorRevision(asked, query.cursor));
};

/** `after_revision` holds in both orders: it says which events are wanted at all. */
const from = (asked: EventsAsked, next: bigint): EventsAsked => {
  if (asked.order === 'desc') return { ...asked, beforeRevision: next };
  const { afterRevision } = asked;
  return { ...asked, afterRevision: afterRevision !== null && afterRevision > next ? afterRevision : next };
};

const nextPage = (request: Request, cursor: string): string => {
  const url = new URL(request.originalUrl, 'http://here');
  url.searchParams.set('cursor', cursor);
  return url.pathname + url.search;
};
