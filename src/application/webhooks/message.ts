/** What a subscriber is sent, as Standard Webhooks has it. */
import { createHmac } from 'node:crypto';
import type { RecordedEvent } from '../log/event-log.js';
import { WEBHOOK_STREAM_PREFIX, webhookIdOf } from '../../domain/webhook/webhook.js';
import { eventView } from '../history/event-view.js';

const SECRET_PREFIX = 'whsec_';

/** `v1,` and the base64 of an HMAC-SHA256 over id, timestamp and body, with points between. */
export const signatureOf = (secret: string, id: string, timestamp: number, body: string): string => {
  const key = Buffer.from(secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret, 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
};

/** One signature for each secret, so that a receiver may have the old one or the new. */
export const headersFor = (
  id: string,
  secrets: readonly string[],
  body: string,
  now: Date,
): Readonly<Record<string, string>> => {
  const timestamp = Math.floor(now.getTime() / 1_000);
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': secrets.map((secret) => signatureOf(secret, id, timestamp, body)).join(' '),
  };
};

/**
 * `{type, timestamp, data}`: the event as `GET .../events` shows it. The same for every attempt.
 * @param most bytes; a larger event comes without its own data, and says so
 */
export const bodyOf = (recorded: RecordedEvent, most: number): string => {
  if (recorded.stream.startsWith(WEBHOOK_STREAM_PREFIX)) return testBody(recorded);
  const event = eventView(recorded);
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
