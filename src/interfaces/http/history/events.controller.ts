import { Controller, Get, Logger, Param, Query, Req, Res } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { Request, Response } from 'express';
import { IsOptional } from 'class-validator';
import { GetEvents } from '../../../application/history/get-events.js';
import { type EventsAsked, InvalidCursor } from '../../../application/queries/read-model.js';
import { answer, linkToNext } from '../server/answer.js';
import { clientLeft } from '../server/caller.js';
import {
  ExecutionPath,
  revisionOf,
  Field,
  CursorText,
  IntegerText,
  ChoiceText,
  RevisionText,
} from '../server/fields.js';
import { answerTo, stackOf } from '../server/error-answer.js';
import { cloudEvent, endCloudEvent, LINES_LIMITS, sendLines, negotiate, type Wanted } from './event-lines.js';

const EVENTS_PER_PAGE = { most: 1_000, usual: 200 };
const MOST_TYPES = 50;

const named = (value: unknown): readonly string[] => [value].flat().flatMap((each) => String(each).split(','));

/** Repeated, or with commas between them. */
const EventTypes = () =>
  Field(`1 to ${MOST_TYPES} event types (type=A,B or type=A&type=B)`, (value) => {
    const types = named(value);
    return types.length <= MOST_TYPES && types.every((type) => /^[\w$.:-]{1,200}$/.test(type));
  });

const typesOf = (value: unknown): readonly string[] | null =>
  value === undefined ? null : [...new Set(named(value))].sort();

class EventsQuery {
  @IsOptional()
  @ChoiceText('log', 'projection')
  source?: 'log' | 'projection';

  @IsOptional()
  @ChoiceText('asc', 'desc')
  order?: 'asc' | 'desc';

  @IsOptional()
  @ChoiceText('json', 'cloudevents')
  format?: 'json' | 'cloudevents';

  @IsOptional()
  @EventTypes()
  type?: string | string[];

  @IsOptional()
  @RevisionText()
  after_revision?: string;

  @IsOptional()
  @CursorText()
  cursor?: string;

  @IsOptional()
  @IntegerText(1, EVENTS_PER_PAGE.most)
  limit?: string;
}

type Asked = Pick<EventsAsked, 'order' | 'types'>;

const LARGEST_REVISION = 2n ** 63n - 1n;

/** Where a page ended. It names the page's order and types, so that it cannot continue another list. */
const eventCursor = ({ order, types }: Asked, next: bigint): string =>
  Buffer.from(JSON.stringify([order, String(next), types?.join() ?? '*'])).toString('base64url');

/** @returns the revision that the next page begins after. @throws InvalidCursor, also for another order or other types */
const cursorRevision = ({ order, types }: Asked, cursor: string): bigint => {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const revision = /^\["(?:asc|desc)","(\d{1,19})",/.exec(text)?.[1];
  const next = BigInt(revision ?? 0);
  if (revision === undefined || next > LARGEST_REVISION || eventCursor({ order, types }, next) !== cursor) {
    throw new InvalidCursor('The cursor: expected the next_cursor of an answer to the same order and types');
  }
  return next;
};

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
      const errorBody = (error: unknown) => this.errorBody(error, request, response);
      const pageAfter = query.limit === undefined ? (next: bigint) => read(from(asked, next)) : null;
      const event = wanted.cloudEvents ? cloudEvent : (view: unknown) => view;
      const end = (last: Parameters<typeof endCloudEvent>[1]) =>
        wanted.cloudEvents ? endCloudEvent(executionId, last) : { end: last };
      return sendLines(response, wanted.mediaType, { first, pageAfter, cursor, event, end, errorBody });
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

  private errorBody(error: unknown, request: Request, response: Response): unknown {
    const { body, isServerFault } = answerTo(error, request, String(response.getHeader('X-Request-Id') ?? ''));
    if (isServerFault) this.logger.error('A history could not be sent whole', stackOf(error));
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

/** `after_revision` holds in both orders: it bounds which events are wanted at all. */
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
