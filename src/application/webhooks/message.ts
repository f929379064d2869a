/** What a subscriber is sent, as Standard Webhooks has it. */
import type { Scope } from '../../domain/access/grants.js';
import { WEBHOOK_STREAM_PREFIX, webhookIdOf, type WebhookFilter, unknownTypes } from '../../domain/webhook/webhook.js';
import { eventShapes } from '../../domain/workflow/event-shapes.js';
import type { RecordedEvent } from '../log/event-log.js';
import { eventView } from '../history/page-from-log.js';
import { eventAnswer } from '../queries/shown-actor.js';
import { InvalidRequest } from '../runtime/errors.js';
import { signatureHeaders } from './signature.js';

/** The headers of one delivery, signed with each secret. */
export const headersFor = (
  id: string,
  secrets: readonly string[],
  body: string,
  now: Date,
): Readonly<Record<string, string>> => ({
  'content-type': 'application/json',
  ...signatureHeaders(id, secrets, body, now),
});

/**
 * `{type, timestamp, data}`: the event as `GET .../events` shows it. The same for every attempt.
 * @param most bytes; a larger event comes without its own data, and says so
 */
export const bodyOf = (recorded: RecordedEvent, most: number): string => {
  if (recorded.stream.startsWith(WEBHOOK_STREAM_PREFIX)) return testBody(recorded);
  const event = eventAnswer(eventView(recorded));
  const written = (data: unknown) =>
    JSON.stringify({ type: event.event_type, timestamp: event.occurred_at ?? event.recorded_at, data });
  const body = written(event);
  if (Buffer.byteLength(body) <= most) return body;
  return written({ ...event, data: null, data_omitted: true });
};

const testBody = ({ id, stream, type, data, recordedAt }: RecordedEvent): string => {
  const { actor = null, reason = null } = (data ?? {}) as Readonly<{ actor?: unknown; reason?: unknown }>;
  return JSON.stringify({
    type,
    timestamp: recordedAt,
    data: { id, webhook_id: webhookIdOf(stream), actor, reason },
  });
};

/** What a subscriber asks for, looked at before anything is kept. */

export type SubscribeRequest = Readonly<{
  url: string;
  description: string | null;
  filter: WebhookFilter;
  /** The projects of which the caller may manage webhooks. */
  scope: Scope;
}>;

/** A subscriber would wait in vain for a type that nothing writes. */
export const refuseUnknown = (eventTypes: readonly string[]): void => {
  const known = Object.keys(eventShapes);
  const unknown = unknownTypes(eventTypes, known);
  if (unknown.length === 0) return;
  const message = `event_types: expected some of ${known.join(', ')}, or a beginning of them with * behind it; got ${unknown.slice(0, 5).join(', ')}`;
  throw new InvalidRequest('UNKNOWN_EVENT_TYPES', message, { unknown, known });
};

/** What may be shown of an address: not its query, which may hold a token. */
export const targetOf = (url: string): string => {
  const shown = new URL(url);
  shown.search = '';
  shown.hash = '';
  return shown.href;
};

export type Posted = Readonly<{
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** Ends the attempt at once. */
  signal: AbortSignal;
}>;

export type Answered = Readonly<{
  /** Null where no answer came. */
  statusCode: number | null;
  /** Why none came. Holds nothing of the address but its host. */
  error: string | null;
  responseExcerpt: string | null;
  retryAfterMs: number | null;
  durationMs: number;
  /** It was ended because it took too long. */
  isLate: boolean;
}>;

/** Posts to addresses that others chose. */
export abstract class WebhookSender {
  /** Why nothing is sent to that address, as far as the address itself shows; null where something may be. */
  abstract refusalOf(url: string): string | null;
  /** Never throws. Follows no redirect, and connects to no address that is refused. */
  abstract post(posted: Posted): Promise<Answered>;
}
