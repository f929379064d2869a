import { Module } from '@nestjs/common';
import { StreamsController } from './controllers/streams.controller.js';

/** What is told as it happens. A global module provides QueryBus, LiveStreams and OpenStreams. */
@Module({ controllers: [StreamsController] })
export class LiveModule {}
