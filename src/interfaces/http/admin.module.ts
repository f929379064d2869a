import { Module } from '@nestjs/common';
import { ProjectionsController } from './controllers/projections.controller.js';

/** What operators use. A global module provides CommandBus and QueryBus. */
@Module({ controllers: [ProjectionsController] })
export class AdminModule {}
