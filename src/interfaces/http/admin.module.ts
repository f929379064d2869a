import { Module } from '@nestjs/common';
import { MetricsController } from './controllers/metrics.controller.js';
import { ProjectionsController } from './controllers/projections.controller.js';

/** What operators use. A global module provides CommandBus, QueryBus and Metrics. */
@Module({ controllers: [ProjectionsController, MetricsController] })
export class AdminModule {}
