import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Controller, Get, Logger, Param, Query, Req, Res } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { Request, Response } from 'express';
import { IsOptional } from 'class-validator';
import { GetEvents } from '../../../application/history/get-events.js';
import { type EventsAsked, InvalidCursor, type EventView } from '../../../application/queries/read-model.js';
import type { EventsPage } from '../../../application/history/page-from-log.js';
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
import { eventAnswer } from '../../../application/queries/shown-actor.js';
import { answerTo, stackOf } from '../server/error-answer.js';
import { Refusal } from '../server/refusal.js';

/** The formats of a history: JSON, CloudEvents, lines of JSON. Lines are read as fast as the client takes them, a page at a time. */

const LINES_LIMITS = {
  /** Events of one read and one write. */
  pageEvents: 500,
  /** A client that takes nothing for so long is let go. */
  stalledMs: 60_000,
};

/** The last line: without it, or where it is not complete, the history has more than was sent. */
type LastLine = Readonly<{
  complete: boolean;
  events: number;
  next_cursor: string | null;
  error?: unknown;
}>;

type Lines = Readonly<{
  first: EventsPage;
  /** Null: what `first` does not hold is not asked for. */
  pageAfter: ((next: bigint) => Promise<EventsPage>) | null;
  cursor: (next: bigint) => string;
  event: (event: EventView) => unknown;
  end: (end: LastLine) => unknown;
  /** What the last line holds of an error on the way. */
  errorBody: (error: unknown) => unknown;
}>;

/** Resolves when everything is sent, or the client is gone. */
const sendLines = async (response: Response, mediaType: string, lines: Lines): Promise<void> => {
  response.setHeader('Content-Type', mediaType);
  response.setTimeout(LINES_LIMITS.stalledMs, () => response.destroy());
  try {
    await pipeline(Readable.from(textOf(lines), { highWaterMark: 1 }), response);
  } catch (error) {
    // A client that hangs up ends the reading, and gets no answer.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
};

async function* textOf({ first, pageAfter, cursor, event, end, errorBody }: Lines): AsyncGenerator<string> {
  let [page, events] = [first, 0];
  for (;;) {
    events += page.events.length;
    const { next } = page;
    const isLast = next === null || !pageAfter;
    const text = linesOf(page.events.map(event));
    if (isLast) {
      yield (
        text + linesOf([end({ complete: next === null, events, next_cursor: next === null ? null : cursor(next) })])
      );
      return;
    }
    if (text !== '') yield text;
    try {
      page = await pageAfter(next);
    } catch (error) {
      yield linesOf([end({ complete: false, events, next_cursor: cursor(next), error: errorBody(error) })]);
      return;
    }
  }
}

const linesOf = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');

const JSON_PAGE = 'application/json';
const LINES = 'application/x-ndjson';
const BATCH = 'application/cloudevents-batch+json';

type Wanted = Readonly<{ mediaType: string; lines: boolean; cloudEvents: boolean }>;

/** @throws Refusal 406 with what is offered */
const negotiate = (request: Request, format: 'json' | 'cloudevents' | undefined): Wanted => {
  const offered = {
    json: [JSON_PAGE, LINES],
    cloudevents: [BATCH, LINES],
    any: [JSON_PAGE, LINES, BATCH],
  }[format ?? 'any'];
  const mediaType = request.accepts(offered);
  if (!mediaType) {
    const given = format === undefined ? '' : ` for format=${format}`;
    const message = `Accept: expected one of ${offered.join(', ')}${given}`;
    throw new Refusal(406, 'NOT_ACCEPTABLE', message, { offered });
  }
  return { mediaType, lines: mediaType === LINES, cloudEvents: format === 'cloudevents' || mediaType === BATCH };
};

/** CloudEvents 1.0: extension attributes are lower-case; an attribute without a value is left out, as the format asks. */
const TYPE_PREFIX = 'workflow-executor.';

const envelope = (executionId: string, type: string, id: string, time: Date | null, data: unknown) => ({
  specversion: '1.0',
  id,
  source: '/api/v1/workflow',
  type: TYPE_PREFIX + type,
  subject: executionId,
  ...(time && { time: time.toISOString() }),
  datacontenttype: 'application/json',
  data,
});

const cloudEvent = (event: EventView) => ({
  ...envelope(event.execution_id, event.event_type, event.id, event.occurred_at ?? event.recorded_at, event.data),
  ...present({
    revision: event.revision,
    position: event.position,
    recordedtime: event.recorded_at.toISOString(),
    correlationid: event.correlation_id,
    causationid: event.causation_id,
    commandid: event.command_id,
    actortype: event.actor?.type ?? null,
    actorid: event.actor?.id ?? null,
    actorissuer: event.actor?.issuer ?? null,
    actorverified: event.actor?.verified ? 'true' : null,
    reason: event.reason,
    hash: event.hash,
    previoushash: event.previous_hash,
  }),
});

/** The last line of a stream of envelopes. */
const endCloudEvent = (executionId: string, end: Readonly<{ events: number }>) =>
  envelope(executionId, 'HistoryEnd', `${executionId}:end:${end.events}`, null, end);

const present = (attributes: Readonly<Record<string, string | null>>) =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null));

const EVENTS_PER_PAGE = { most: 1_000, usual: 200 };
const MOST_TYPES = 50;

const named = (value: unknown): readonly string[] => [value].flat().flatMap((each) => String(each).split(','));

/** Repeated, or with commas between them. */
const EventTypes = () =>
  Field(
    `1 to ${MOST_TYPES} event types (type=A,B or type=A&type=B)`,
    (value) => {
      const types = named(value);
      return types.length <= MOST_TYPES && types.every((type) => /^[\w$.:-]{1,200}$/.test(type));
    },
    { type: 'array', minItems: 1, maxItems: MOST_TYPES, items: { type: 'string' } },
  );

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
      const event = wanted.cloudEvents ? cloudEvent : eventAnswer;
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
    response.json(
      answer({ events: events.map(eventAnswer), next_after_revision: nextAfterRevision, next_cursor: nextCursor }),
    );
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
