import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { RedeliverWebhook } from '../../../application/commands/webhooks.js';
import { ListDeliveries } from '../../../application/webhooks/webhook-queries.js';
import { answer } from '../server/answers.js';
import { NoQuery } from '../executions/queries.js';
import { DELIVERIES_PER_PAGE, DeliveriesQuery, DeliveryPath, WebhookPath } from './requests.js';
import { deliveryAnswer } from './webhook-answers.js';

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
