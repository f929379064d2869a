import { Controller, Get, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Metrics } from '../../../application/runtime/metrics.js';
import { NoQuery } from '../executions/queries.js';

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
