/** Webhooks in the words of the API. Revisions and positions are strings; times are ISO-8601 UTC. */
import type { DeliveryView, WebhookView } from '../../../application/webhooks/webhook-store.js';

/** The address is shown without its query. */
export const webhookAnswer = (webhook: WebhookView) => ({
  id: webhook.id,
  url: webhook.target,
  description: webhook.description,
  event_types: webhook.filter.eventTypes,
  project_id: webhook.filter.projectId,
  execution_id: webhook.filter.executionId,
  status: webhook.status,
  disabled: webhook.disabled && {
    cause: webhook.disabled.cause,
    reason: webhook.disabled.reason,
    by: webhook.disabled.actor,
    since: webhook.disabled.at,
  },
  secrets: webhook.secrets.map(({ id, createdAt, expiresAt }) => ({
    id,
    created_at: createdAt,
    expires_at: expiresAt,
  })),
  queued: webhook.queued,
  last_delivered_at: webhook.lastDeliveredAt,
  created_by: webhook.createdBy,
  created_at: webhook.createdAt,
  revision: webhook.revision,
});

export const deliveryAnswer = (delivery: DeliveryView) => ({
  id: delivery.id,
  webhook_id: delivery.webhookId,
  execution_id: delivery.executionId,
  event_id: delivery.eventId,
  event_type: delivery.eventType,
  position: delivery.position,
  revision: delivery.revision,
  state: delivery.state,
  attempts: delivery.attempts,
  status_code: delivery.statusCode,
  duration_ms: delivery.durationMs,
  error: delivery.error,
  response_excerpt: delivery.responseExcerpt,
  created_at: delivery.createdAt,
  first_attempt_at: delivery.firstAttemptAt,
  last_attempt_at: delivery.lastAttemptAt,
  next_attempt_at: delivery.nextAttemptAt,
  finished_at: delivery.finishedAt,
});
