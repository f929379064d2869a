import type { Json } from '../../domain/json.js';
import type { Actor, EventMetadata } from '../log/envelope.js';
import { linkOf } from '../log/event-hash.js';
import type { RecordedEvent } from '../log/event-log.js';
import type { EventView } from '../queries/read-model.js';
import { instant, type Projection } from './projection.js';

/** One row for an event, of whatever type. What comes from this application's metadata is null where there is none. */
export const workflowEvents: Projection<EventView> = {
  table: 'workflow_events',
  key: ['execution_id', 'revision'],
  version: 2,

  project: ({ executionId, recorded, metadata, at }) => [
    { op: 'insert', row: eventRow(executionId, recorded, metadata, at) },
  ],
};

/** @param at the time of its command, where the caller has it */
export const eventRow = (
  executionId: string,
  recorded: RecordedEvent,
  metadata: EventMetadata | null,
  at = metadata && instant(metadata.occurredAt),
): EventView => ({
  id: recorded.id,
  execution_id: executionId,
  position: String(recorded.position),
  revision: String(recorded.revision),
  event_type: recorded.type,
  data: recorded.data as Json,
  actor: actorOf(metadata),
  reason: metadata?.reason ?? null,
  command_id: metadata?.commandId ?? null,
  correlation_id: metadata?.$correlationId ?? null,
  causation_id: metadata?.$causationId ?? null,
  occurred_at: at,
  recorded_at: recorded.recordedAt,
  hash: linkOf(recorded),
  previous_hash: metadata?.previousHash ?? null,
  current_state: metadata?.summary.state ?? null,
  percent_complete: metadata?.summary.percentComplete ?? null,
});

/** With whom the request named, where the credential says otherwise. */
const actorOf = (metadata: EventMetadata | null): Actor | null => {
  const { actor = null, claimedActor } = metadata ?? {};
  return actor && claimedActor ? { ...actor, claimed: { type: claimedActor.type, id: claimedActor.id } } : actor;
};
