import { LogUnavailable, type RecordedEvent } from '../../application/log/event-log.js';

/** An event as the client gives it. */
export type ClientEvent = Readonly<{
  id: string;
  type: string;
  streamId: string;
  revision: bigint;
  position?: Readonly<{ commit: bigint }>;
  created: Date;
  data: unknown;
  metadata?: unknown;
}>;

export function recorded(event: ClientEvent): RecordedEvent {
  const { id, type, streamId, revision, position, created } = event;
  if (!position)
    throw new LogUnavailable('The server gives no positions with events: EventStoreDB 22.6 or newer is needed');
  return {
    id,
    type,
    data: readable(event.data),
    metadata: readable(event.metadata),
    stream: streamId,
    revision,
    position: position.commit,
    recordedAt: created,
  };
}

/** What is not JSON arrives as bytes: as text it can be looked at. */
function readable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  return value === undefined ? null : value;
}
