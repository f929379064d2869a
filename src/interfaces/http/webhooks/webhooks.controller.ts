/** Webhooks in the words of the API. Revisions and positions are strings; times are ISO-8601 UTC. */
import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { Request, Response } from 'express';
import { IsOptional } from 'class-validator';
import {
  ControlWebhook,
  RotateWebhookSecret,
  SubscribeWebhook,
  RedeliverWebhook,
} from '../../../application/commands/webhooks.js';
import { ListWebhooks, ListDeliveries } from '../../../application/webhooks/webhook-queries.js';
import type { WebhookOutcome } from '../../../application/webhooks/webhooks.js';
import type { WebhookView, DeliveryState, DeliveryView } from '../../../application/webhooks/webhook-store.js';
import { actorAnswer } from '../../../application/queries/shown-actor.js';
import { answer, location } from '../server/answer.js';
import { callerOf } from '../server/caller.js';
import { mustHoldIn, scopeOf } from '../access/principal.js';
import {
  NoQuery,
  Field,
  OpaqueId,
  OperatorBody,
  Text,
  Uuid,
  ChoiceText,
  CursorText,
  IntegerText,
  WholeNumber,
} from '../server/fields.js';

/** The address is shown without its query. */
const webhookAnswer = (webhook: WebhookView) => ({
  id: webhook.id,
  url: webhook.target,
  description: webhook.description,
  event_types: webhook.filter.eventTypes,
  project_id: webhook.filter.projectId,
  execution_id: webhook.filter.executionId,
  ...(webhook.projects !== 'all' && { projects: webhook.projects }),
  status: webhook.status,
  disabled: webhook.disabled && {
    cause: webhook.disabled.cause,
    reason: webhook.disabled.reason,
    by: actorAnswer(webhook.disabled.actor),
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

const LONGEST_URL = 2_000;
const LONGEST_DESCRIPTION = 200;
const MOST_TYPES = 50;
const LONGEST_OVERLAP_SECONDS = 7 * 86_400;

const EventTypeList = () =>
  Field(
    `an array of up to ${MOST_TYPES} event types, or beginnings of them with * behind`,
    (value) =>
      Array.isArray(value) &&
      value.length <= MOST_TYPES &&
      value.every((each) => typeof each === 'string' && /^[A-Za-z]{0,100}\*?$/.test(each) && each !== ''),
    {
      type: 'array',
      maxItems: MOST_TYPES,
      items: { type: 'string', minLength: 1, pattern: '^[A-Za-z]{0,100}\\*?$' },
    },
  );

class SubscribeWebhookBody extends OperatorBody {
  @Text(LONGEST_URL)
  url!: string;

  @IsOptional()
  @Text(LONGEST_DESCRIPTION)
  description?: string | null;

  @IsOptional()
  @EventTypeList()
  event_types?: readonly string[] | null;

  @IsOptional()
  @OpaqueId()
  project_id?: string | null;

  @IsOptional()
  @Uuid()
  execution_id?: string | null;
}

const USUAL_OVERLAP_SECONDS = 86_400;

class RotateSecretBody extends OperatorBody {
  @IsOptional()
  @WholeNumber(0, LONGEST_OVERLAP_SECONDS)
  overlap_seconds?: number | null;
}

class WebhookPath {
  @Uuid()
  id!: string;
}

const ROUTE = 'api/v1/workflow/webhooks';
const [READ, MANAGE] = ['webhooks.read', 'webhooks.manage'] as const;

/** Only the answer to the request that makes a secret shows it. */
@Controller(ROUTE)
export class WebhooksController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Post()
  @HttpCode(201)
  async subscribe(
    @Query() _none: NoQuery,
    @Body() body: SubscribeWebhookBody,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ) {
    if (typeof body.project_id === 'string') mustHoldIn(request, MANAGE, body.project_id);
    const asked = {
      url: body.url,
      description: body.description ?? null,
      filter: {
        eventTypes: [...new Set(body.event_types ?? [])],
        projectId: body.project_id ?? null,
        executionId: body.execution_id?.toLowerCase() ?? null,
      },
      scope: scopeOf(request, MANAGE),
    };
    const caller = callerOf(request, body.actor_id, body.reason);
    const { secret, ...outcome } = await this.commands.execute(new SubscribeWebhook(asked, caller));
    location(response, `/${ROUTE}/${outcome.webhookId}`);
    return answer({ ...shown(outcome), secret });
  }

  @Get()
  async all(@Query() _none: NoQuery, @Req() request: Request) {
    const webhooks = await this.queries.execute(new ListWebhooks(null, scopeOf(request, READ)));
    return answer({ webhooks: webhooks.map(webhookAnswer) });
  }

  @Get(':id')
  async one(@Query() _none: NoQuery, @Param() { id }: WebhookPath, @Req() request: Request) {
    const [webhook] = await this.queries.execute(new ListWebhooks(id.toLowerCase(), scopeOf(request, READ)));
    return answer({ webhook: webhook ? webhookAnswer(webhook) : null });
  }

  @Delete(':id')
  async remove(@Query() { actor_id, reason }: OperatorBody, @Param() path: WebhookPath, @Req() request: Request) {
    return this.control('RemoveWebhook', path, { actor_id, reason }, request);
  }

  @Post(':id/enable')
  @HttpCode(200)
  enable(@Query() _none: NoQuery, @Param() path: WebhookPath, @Body() body: OperatorBody, @Req() request: Request) {
    return this.control('EnableWebhook', path, body, request);
  }

  @Post(':id/disable')
  @HttpCode(200)
  disable(@Query() _none: NoQuery, @Param() path: WebhookPath, @Body() body: OperatorBody, @Req() request: Request) {
    return this.control('DisableWebhook', path, body, request);
  }

  /** Is delivered like any event; what comes of it is in the list of deliveries. */
  @Post(':id/test')
  @HttpCode(202)
  test(@Query() _none: NoQuery, @Param() path: WebhookPath, @Body() body: OperatorBody, @Req() request: Request) {
    return this.control('TestWebhook', path, body, request);
  }

  @Post(':id/secrets')
  @HttpCode(201)
  async rotate(
    @Query() _none: NoQuery,
    @Param() { id }: WebhookPath,
    @Body() { actor_id, reason, overlap_seconds }: RotateSecretBody,
    @Req() request: Request,
  ) {
    const overlapMs = (overlap_seconds ?? USUAL_OVERLAP_SECONDS) * 1_000;
    const caller = callerOf(request, actor_id, reason);
    const order = new RotateWebhookSecret(id.toLowerCase(), overlapMs, caller, scopeOf(request, MANAGE));
    const rotated = await this.commands.execute(order);
    const { secret, secretId, ...outcome } = rotated;
    return answer({ ...shown(outcome), secret_id: secretId, secret });
  }

  private async control(
    order: ControlWebhook['order'],
    { id }: WebhookPath,
    { actor_id, reason }: OperatorBody,
    request: Request,
  ) {
    const caller = callerOf(request, actor_id, reason);
    const command = new ControlWebhook(id.toLowerCase(), order, caller, scopeOf(request, MANAGE));
    return answer(shown(await this.commands.execute(command)));
  }
}

/** `webhook` is null where it was deleted, and where the change has not come through within two seconds. */
const shown = ({ webhookId, webhook, changed, position }: WebhookOutcome) => ({
  id: webhookId,
  webhook: webhook && webhookAnswer(webhook),
  changed,
  position: position?.toString() ?? null,
});

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

/** What a subscriber was sent, is being sent, or waits for; the latest events first. */
@Controller('api/v1/workflow/webhooks/:id/deliveries')
export class WebhookDeliveriesController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Get()
  async all(@Param() { id }: WebhookPath, @Query() { state, cursor, limit }: DeliveriesQuery, @Req() request: Request) {
    const asked = {
      state: state ?? null,
      cursor: cursor ?? null,
      limit: Number(limit ?? DELIVERIES_PER_PAGE.usual),
    };
    const query = new ListDeliveries(id.toLowerCase(), asked, scopeOf(request, READ));
    const { rows, nextCursor } = await this.queries.execute(query);
    return answer({ deliveries: rows.map(deliveryAnswer), next_cursor: nextCursor });
  }

  @Post(':delivery_id/redeliver')
  @HttpCode(202)
  async redeliver(@Query() _none: NoQuery, @Param() { id, delivery_id }: DeliveryPath, @Req() request: Request) {
    const order = new RedeliverWebhook(id.toLowerCase(), delivery_id.toLowerCase(), scopeOf(request, MANAGE));
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
