import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Health, Metrics } from '../../../application/runtime/metrics.js';
import { principalOf } from '../access/principal.js';
import { answer } from '../server/answer.js';
import { NoQuery } from '../server/fields.js';
import { Refusal } from '../server/refusal.js';

@Controller('health')
export class HealthController {
  constructor(private readonly health: Health) {}

  /** Answers as long as the process does: a supervisor that restarts it on a failure must not ask more than that. */
  @Get('live')
  live(@Query() _none: NoQuery) {
    return answer({ live: true });
  }

  /** What is checked, and how it stands, is shown to those who may know it. */
  @Get('ready')
  async ready(@Query() _none: NoQuery, @Req() request: Request) {
    const { ready, checks } = await this.health.check();
    const isDetailed = principalOf(request).rights.may('health.read');
    if (ready) return answer(isDetailed ? { ready, checks } : { ready });
    if (!isDetailed) throw new Refusal(503, 'NOT_READY', 'Not ready. Ask again', { ready }, { 'Retry-After': '1' });
    const failing = Object.keys(checks).filter((name) => !checks[name]?.ok);
    const message = `Not ready: ${failing.join(', ')}. Ask again`;
    throw new Refusal(503, 'NOT_READY', message, { ready, checks }, { 'Retry-After': '1' });
  }
}

@Controller('metrics')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  /** In the collector's own format, not in this API's. */
  @Get()
  async all(@Query() _none: NoQuery, @Res() response: Response): Promise<void> {
    response.setHeader('Content-Type', this.metrics.contentType);
    response.send(await this.metrics.expose());
  }
}
