import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { WebhookStore, type DeliveriesAsked, type DeliveryView, type WebhookView } from './webhook-store.js';
import { Webhooks } from './webhooks.js';
import type { Page } from '../queries/read-model.js';

/** Every subscription, or the one of that id. */
export class ListWebhooks extends Query<readonly WebhookView[]> {
  constructor(readonly webhookId: string | null = null) {
    super();
  }
}

@QueryHandler(ListWebhooks)
class ListWebhooksHandler implements IQueryHandler<ListWebhooks> {
  constructor(
    private readonly store: WebhookStore,
    private readonly webhooks: Webhooks,
  ) {}

  async execute({ webhookId }: ListWebhooks): Promise<readonly WebhookView[]> {
    return webhookId === null ? this.store.list() : [await this.webhooks.known(webhookId)];
  }
}

/** What a subscriber was sent, is being sent, or waits for; the latest events first. */
export class ListDeliveries extends Query<Page<DeliveryView>> {
  constructor(
    readonly webhookId: string,
    readonly asked: DeliveriesAsked,
  ) {
    super();
  }
}

@QueryHandler(ListDeliveries)
class ListDeliveriesHandler implements IQueryHandler<ListDeliveries> {
  constructor(
    private readonly store: WebhookStore,
    private readonly webhooks: Webhooks,
  ) {}

  async execute({ webhookId, asked }: ListDeliveries): Promise<Page<DeliveryView>> {
    await this.webhooks.known(webhookId);
    return this.store.deliveries(webhookId, asked);
  }
}

export const webhookQueryHandlers = [ListWebhooksHandler, ListDeliveriesHandler];
