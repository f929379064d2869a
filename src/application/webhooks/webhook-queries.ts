import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import type { Scope } from '../../domain/access/grants.js';
import { WebhookStore, type DeliveriesAsked, type DeliveryView, type WebhookView } from './webhook-store.js';
import { Webhooks } from './webhooks.js';
import type { Page } from '../queries/read-model.js';

/** Every subscription within the scope, or the one of that id. */
export class ListWebhooks extends Query<readonly WebhookView[]> {
  constructor(
    readonly webhookId: string | null,
    readonly scope: Scope,
  ) {
    super();
  }
}

@QueryHandler(ListWebhooks)
class ListWebhooksHandler implements IQueryHandler<ListWebhooks> {
  constructor(private readonly webhooks: Webhooks) {}

  async execute({ webhookId, scope }: ListWebhooks): Promise<readonly WebhookView[]> {
    return webhookId === null ? this.webhooks.within(scope) : [await this.webhooks.known(webhookId, scope)];
  }
}

/** What a subscriber was sent, is being sent, or waits for; the latest events first. */
export class ListDeliveries extends Query<Page<DeliveryView>> {
  constructor(
    readonly webhookId: string,
    readonly asked: DeliveriesAsked,
    readonly scope: Scope,
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

  async execute({ webhookId, asked, scope }: ListDeliveries): Promise<Page<DeliveryView>> {
    await this.webhooks.known(webhookId, scope);
    return this.store.deliveries(webhookId, asked);
  }
}

export const webhookQueryHandlers = [ListWebhooksHandler, ListDeliveriesHandler];
