/** Subscriptions and their deliveries, as the API reads them; what only the sender may see is in webhook-queue.ts. */
import type { Scope } from '../../domain/access/grants.js';
import type { DisableCause, WebhookFilter, WebhookReach } from '../../domain/webhook/webhook.js';
import type { Actor } from '../log/envelope.js';
import type { Page } from '../queries/read-model.js';

export type WebhookView = Readonly<{
  id: string;
  /** The address without its query. */
  target: string;
  description: string | null;
  filter: WebhookFilter;
  /** Of its creator. */
  projects: Scope;
  status: 'enabled' | 'disabled';
  disabled: Readonly<{ cause: DisableCause; reason: string | null; actor: Actor; at: string }> | null;
  createdBy: Actor;
  createdAt: Date;
  /** Of the last event of its stream that was taken in. */
  revision: string;
  secrets: readonly Readonly<{ id: string; createdAt: Date; expiresAt: Date | null }>[];
  /** Deliveries that have neither arrived nor been given up. */
  queued: number;
  lastDeliveredAt: Date | null;
}>;

export type DeliveryState = 'pending' | 'delivered' | 'failed';

export type DeliveryView = Readonly<{
  id: string;
  webhookId: string;
  /** Null for a test. */
  executionId: string | null;
  eventId: string;
  eventType: string;
  position: string;
  revision: string;
  state: DeliveryState;
  attempts: number;
  /** Of the latest attempt; null where there was none, or no answer. */
  statusCode: number | null;
  durationMs: number | null;
  error: string | null;
  /** The beginning of what was answered. */
  responseExcerpt: string | null;
  createdAt: Date;
  firstAttemptAt: Date | null;
  lastAttemptAt: Date | null;
  /** Null where none is to come, and while earlier events of the execution are not through. */
  nextAttemptAt: Date | null;
  finishedAt: Date | null;
}>;

export type DeliveriesAsked = Readonly<{ state: DeliveryState | null; cursor: string | null; limit: number }>;

/** What is kept of deliveries that are over. */
export type Retention = Readonly<{
  keepMs: number;
  /** All subscriptions together. */
  keepRows: number;
  /** Rows deleted by one statement. */
  batch: number;
}>;

export abstract class WebhookStore {
  /**
   * Keeps the address and a new secret for a subscription that is about to be made; a repeat finds those that were kept.
   * @returns the secret; null where there are `most` subscriptions
   */
  abstract prepare(webhookId: string, url: string, most: number): Promise<string | null>;
  /**
   * Keeps a secret that does not sign yet. @returns as above; null where `most` are kept. One that is about to end the others
   * is kept in any case; of those that never came to sign the oldest give way.
   */
  abstract prepareSecret(
    webhookId: string,
    secretId: string,
    room: Readonly<{ most: number; endsOthers: boolean }>,
  ): Promise<string | null>;
  /** Null for one that is not known, or not yet. It costs the same whatever waits for the subscription. */
  abstract reachOf(webhookId: string): Promise<WebhookReach | null>;
  /** Null for one that is not known, or not yet. */
  abstract find(webhookId: string): Promise<WebhookView | null>;
  /** Oldest first. */
  abstract list(): Promise<readonly WebhookView[]>;
  /** Latest events first. @throws InvalidCursor */
  abstract deliveries(webhookId: string, asked: DeliveriesAsked): Promise<Page<DeliveryView>>;
  /** Has it delivered (again), with a whole new time to be tried in. Null: no such delivery. */
  abstract redeliver(webhookId: string, deliveryId: string): Promise<DeliveryView | null>;
  /** @returns how many rows were deleted; as many as `batch` where there may be more */
  abstract forget(retention: Retention): Promise<number>;
}
