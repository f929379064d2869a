import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Scope } from '../../domain/access/grants.js';
import { webhookStream } from '../../domain/webhook/webhook.js';
import { Clock } from '../runtime/clock.js';
import { commandIdFor, Ids } from '../log/ids.js';
import type { DeliveryView } from '../webhooks/webhook-store.js';
import type { SubscribeRequest } from '../webhooks/message.js';
import { Webhooks, type PlainOrder, type WebhookOutcome } from '../webhooks/webhooks.js';
import { contextOf, type Caller } from './caller.js';

/** A client asks to be sent events. */
export class SubscribeWebhook extends Command<WebhookOutcome & Readonly<{ secret: string }>> {
  constructor(
    readonly request: SubscribeRequest,
    readonly caller: Caller,
  ) {
    super();
  }
}

@CommandHandler(SubscribeWebhook)
class SubscribeWebhookHandler implements ICommandHandler<SubscribeWebhook> {
  constructor(
    private readonly webhooks: Webhooks,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  execute({ request, caller }: SubscribeWebhook) {
    const { ids, clock } = this;
    const { idempotencyKey } = caller;
    const id = idempotencyKey === null ? ids.uuid() : commandIdFor('webhooks', 'SubscribeWebhook', idempotencyKey);
    const context = contextOf({ ids, clock }, caller, webhookStream(id), 'SubscribeWebhook');
    return this.webhooks.subscribe(id, request, context);
  }
}

/** Every other order to a subscription that is answered with the subscription alone. */
export class ControlWebhook extends Command<WebhookOutcome> {
  constructor(
    readonly webhookId: string,
    readonly order: PlainOrder | 'DisableWebhook',
    readonly caller: Caller,
    /** The caller's: others are as unknown. */
    readonly scope: Scope,
  ) {
    super();
  }
}

@CommandHandler(ControlWebhook)
class ControlWebhookHandler implements ICommandHandler<ControlWebhook> {
  constructor(
    private readonly webhooks: Webhooks,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  execute({ webhookId, order, caller, scope }: ControlWebhook) {
    const { ids, clock } = this;
    const context = contextOf({ ids, clock }, caller, webhookStream(webhookId), order);
    return order === 'DisableWebhook'
      ? this.webhooks.disable(webhookId, 'operator', context, scope)
      : this.webhooks.order(webhookId, order, context, scope);
  }
}

/** A new secret signs; those before it do so for `overlapMs` more. */
export class RotateWebhookSecret extends Command<WebhookOutcome & Readonly<{ secret: string; secretId: string }>> {
  constructor(
    readonly webhookId: string,
    readonly overlapMs: number,
    readonly caller: Caller,
    readonly scope: Scope,
  ) {
    super();
  }
}

@CommandHandler(RotateWebhookSecret)
class RotateWebhookSecretHandler implements ICommandHandler<RotateWebhookSecret> {
  constructor(
    private readonly webhooks: Webhooks,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  execute({ webhookId, overlapMs, caller, scope }: RotateWebhookSecret) {
    const { ids, clock } = this;
    const context = contextOf({ ids, clock }, caller, webhookStream(webhookId), 'RotateWebhookSecret');
    return this.webhooks.rotate(webhookId, overlapMs, context, scope);
  }
}

/** Sends a delivery once more, whatever came of it before. */
export class RedeliverWebhook extends Command<DeliveryView> {
  constructor(
    readonly webhookId: string,
    readonly deliveryId: string,
    readonly scope: Scope,
  ) {
    super();
  }
}

@CommandHandler(RedeliverWebhook)
class RedeliverWebhookHandler implements ICommandHandler<RedeliverWebhook> {
  constructor(private readonly webhooks: Webhooks) {}

  execute({ webhookId, deliveryId, scope }: RedeliverWebhook) {
    return this.webhooks.redeliver(webhookId, deliveryId, scope);
  }
}

export const webhookCommandHandlers = [
  SubscribeWebhookHandler,
  ControlWebhookHandler,
  RotateWebhookSecretHandler,
  RedeliverWebhookHandler,
];
