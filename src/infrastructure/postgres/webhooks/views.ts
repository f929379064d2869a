/** Rows as the application knows them. */
import type { DeliveryView, WebhookView } from '../../../application/webhooks/webhook-store.js';
import type { WebhookDelivery } from '../entities/webhook-delivery.entity.js';
import type { Webhook } from '../entities/webhook.entity.js';

export type WebhookRow = Omit<Webhook, 'url' | 'overfull' | 'receiver_state' | 'silent_at'> &
  Readonly<{
    secrets: readonly Readonly<{ id: string; created_at: string; expires_at: string | null }>[];
    queued: number;
    last_delivered_at: Date | null;
  }>;

export const webhookView = (row: WebhookRow): WebhookView => ({
  id: row.id,
  target: row.target,
  description: row.description,
  filter: { eventTypes: row.event_types, projectId: row.project_id, executionId: row.execution_id },
  status: row.state === 'enabled' ? 'enabled' : 'disabled',
  disabled: row.disabled,
  createdBy: row.created_by!,
  createdAt: row.created_at,
  revision: row.revision!,
  secrets: row.secrets.map(({ id, created_at, expires_at }) => ({
    id,
    createdAt: new Date(created_at),
    expiresAt: expires_at === null ? null : new Date(expires_at),
  })),
  queued: row.queued,
  lastDeliveredAt: row.last_delivered_at,
});

export type DeliveryRow = WebhookDelivery & Readonly<{ next_attempt_at: Date | null }>;

export const deliveryView = (row: DeliveryRow): DeliveryView => ({
  id: row.id,
  webhookId: row.webhook_id,
  executionId: row.execution_id,
  eventId: row.event_id,
  eventType: row.event_type,
  position: row.position,
  revision: row.revision,
  state: row.state,
  attempts: row.attempts,
  statusCode: row.status_code,
  durationMs: row.duration_ms,
  error: row.error,
  responseExcerpt: row.response_excerpt,
  createdAt: row.created_at,
  firstAttemptAt: row.first_attempt_at,
  lastAttemptAt: row.last_attempt_at,
  nextAttemptAt: row.next_attempt_at,
  finishedAt: row.finished_at,
});
