import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { IsOptional } from 'class-validator';
import { RedeliverWebhook } from '../../../application/commands/webhooks.js';
import { ListDeliveries } from '../../../application/webhooks/webhook-queries.js';
import type { DeliveryState, DeliveryView } from '../../../application/webhooks/webhook-store.js';
import { answer } from '../server/answer.js';
import { NoQuery, Uuid, ChoiceText, CursorText, IntegerText } from '../server/fields.js';
import { WebhookPath } from './webhooks.controller.js';

class DeliveryPath extends WebhookPath {
  @Uuid()
  delivery_id!: string;
}

const DELIVERIES_PER_PAGE = { most: 200, usual: 50 };

class DeliveriesQuery {
  @IsOptional()
  @ChoiceText('pending', 'delivered', 'failed')
  state?: DeliveryState;

  @IsOptional()
  @IntegerText(1, DELIVERIES_PER_PAGE.most)
  limit?: string;

  @IsOptional()
  @CursorText()
  cursor?: string;
}

/** What a subscriber was sent, is sent, or is owed; the latest events first. */
@Controller('api/v1/workflow/webhooks/:id/deliveries')
export class WebhookDeliveriesController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Get()
  async all(@Param() { id }: WebhookPath, @Query() { state, cursor, limit }: DeliveriesQuery) {
    const asked = {
      state: state ?? null,
      cursor: cursor ?? null,
      limit: Number(limit ?? DELIVERIES_PER_PAGE.usual),
    };
    const { rows, nextCursor } = await this.queries.execute(new ListDeliveries(id.toLowerCase(), asked));
    return answer({ deliveries: rows.map(deliveryAnswer), next_cursor: nextCursor });
  }

  @Post(':delivery_id/redeliver')
  @HttpCode(202)
  async redeliver(@Query() _none: NoQuery, @Param() { id, delivery_id }: DeliveryPath) {
    const order = new RedeliverWebhook(id.toLowerCase(), delivery_id.toLowerCase());
    return answer({ delivery: deliveryAnswer(await this.commands.execute(order)) });
  }
}

const deliveryAnswer = (delivery: DeliveryView) => ({
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
