/** Events as CloudEvents 1.0. Extension attributes are lower-case; one that has no value is left out, as the format asks. */
import type { EventView } from '../../../application/queries/read-model.js';

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
