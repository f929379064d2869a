/** The formats of a history: JSON, CloudEvents, lines of JSON. Lines are read as fast as the client takes them, a page at a time. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response, Request } from 'express';
import type { EventsPage } from '../../../application/history/page-from-log.js';
import type { EventView } from '../../../application/queries/read-model.js';
import { Refusal } from '../server/refusal.js';

export const LINES_LIMITS = {
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

export type Lines = Readonly<{
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
export const sendLines = async (response: Response, mediaType: string, lines: Lines): Promise<void> => {
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

export type Wanted = Readonly<{ mediaType: string; lines: boolean; cloudEvents: boolean }>;

/** @throws Refusal 406 with what is offered */
export const negotiate = (request: Request, format: 'json' | 'cloudevents' | undefined): Wanted => {
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

export const cloudEvent = (event: EventView) => ({
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
    reason: event.reason,
    hash: event.hash,
    previoushash: event.previous_hash,
  }),
});

/** The last line of a stream of envelopes. */
export const endCloudEvent = (executionId: string, end: Readonly<{ events: number }>) =>
  envelope(executionId, 'HistoryEnd', `${executionId}:end:${end.events}`, null, end);

const present = (attributes: Readonly<Record<string, string | null>>) =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null));
