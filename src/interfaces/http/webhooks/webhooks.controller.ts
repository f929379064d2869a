import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { Request, Response } from 'express';
import { ControlWebhook, RotateWebhookSecret, SubscribeWebhook } from '../../../application/commands/webhooks.js';
import { ListWebhooks } from '../../../application/webhooks/webhook-queries.js';
import type { WebhookOutcome } from '../../../application/webhooks/webhooks.js';
import { answer } from '../server/answers.js';
import { callerOf } from '../server/caller.js';
import { NoQuery } from '../executions/queries.js';
import {
  RemoveWebhookQuery,
  RotateSecretBody,
  SubscribeWebhookBody,
  USUAL_OVERLAP_SECONDS,
  WebhookBody,
  WebhookPath,
} from './requests.js';
import { location } from '../server/public-path.js';
import { webhookAnswer } from './webhook-answers.js';

const ROUTE = 'api/v1/workflow/webhooks';

/** A secret is told by the answer that makes it, and by no other. */
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
    const asked = {
      url: body.url,
      description: body.description ?? null,
      filter: {
        eventTypes: [...new Set(body.event_types ?? [])],
        projectId: body.project_id ?? null,
        executionId: body.execution_id?.toLowerCase() ?? null,
      },
    };
    const caller = callerOf(request, body.actor_id, body.reason);
    const { secret, ...outcome } = await this.commands.execute(new SubscribeWebhook(asked, caller));
    location(response, `/${ROUTE}/${outcome.webhookId}`);
    return answer({ ...shown(outcome), secret });
  }

  @Get()
  async all(@Query() _none: NoQuery) {
    const webhooks = await this.queries.execute(new ListWebhooks());
    return answer({ webhooks: webhooks.map(webhookAnswer) });
  }

  @Get(':id')
  async one(@Query() _none: NoQuery, @Param() { id }: WebhookPath) {
    const [webhook] = await this.queries.execute(new ListWebhooks(id.toLowerCase()));
    return answer({ webhook: webhook ? webhookAnswer(webhook) : null });
  }

  @Delete(':id')
  async remove(@Query() { actor_id, reason }: RemoveWebhookQuery, @Param() path: WebhookPath, @Req() request: Request) {
    return this.control('RemoveWebhook', path, { actor_id, reason }, request);
  }

  @Post(':id/enable')
  @HttpCode(200)
  enable(@Query() _none: NoQuery, @Param() path: WebhookPath, @Body() body: WebhookBody, @Req() request: Request) {
    return this.control('EnableWebhook', path, body, request);
  }

  @Post(':id/disable')
  @HttpCode(200)
  disable(@Query() _none: NoQuery, @Param() path: WebhookPath, @Body() body: WebhookBody, @Req() request: Request) {
    return this.control('DisableWebhook', path, body, request);
  }

  /** Is delivered like any event; what comes of it is in the list of deliveries. */
  @Post(':id/test')
  @HttpCode(202)
  test(@Query() _none: NoQuery, @Param() path: WebhookPath, @Body() body: WebhookBody, @Req() request: Request) {
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
    const rotated = await this.commands.execute(new RotateWebhookSecret(id.toLowerCase(), overlapMs, caller));
    const { secret, secretId, ...outcome } = rotated;
    return answer({ ...shown(outcome), secret_id: secretId, secret });
  }

  private async control(
    order: ControlWebhook['order'],
    { id }: WebhookPath,
    {
      actor_id,
      reason,
    }: Pick<WebhookBody, 'actor_id' | 'reason'> | { actor_id: string | undefined; reason: string | undefined },
    request: Request,
  ) {
    const caller = callerOf(request, actor_id, reason);
    return answer(shown(await this.commands.execute(new ControlWebhook(id.toLowerCase(), order, caller))));
  }
}

/** `webhook` is null where it was deleted, and where the change has not come through within two seconds. */
const shown = ({ webhookId, webhook, changed, position }: WebhookOutcome) => ({
  id: webhookId,
  webhook: webhook && webhookAnswer(webhook),
  changed,
  position: position?.toString() ?? null,
});
