import { Module } from '@nestjs/common';
import { AgentsController } from './agents/agents.controller.js';
import { ArtifactsController } from './executions/artifacts.controller.js';
import { AuditReviewsController } from './audit/audit-reviews.controller.js';
import { AuditController } from './audit/audit.controller.js';
import { CatalogueController } from './executions/catalogue.controller.js';
import { CommandsController } from './executions/commands.controller.js';
import { DocumentAgentsController } from './agents/document-agents.controller.js';
import { EventsController } from './history/events.controller.js';
import { ExecutionsController } from './executions/executions.controller.js';
import { HealthController } from './health/health.controller.js';
import { HistoryController } from './history/history.controller.js';
import { TasksController } from './tasks/tasks.controller.js';
import { WebhookDeliveriesController } from './webhooks/webhook-deliveries.controller.js';
import { WebhooksController } from './webhooks/webhooks.controller.js';
import { MetricsController } from './health/metrics.controller.js';
import { ProjectionsController } from './projections/projections.controller.js';
import { StreamsController } from './streams/streams.controller.js';

/** A global module provides CommandBus, QueryBus, Definitions, DocumentAgents, TaskTokens, Health and HttpLimits. */
@Module({
  controllers: [
    AgentsController,
    WebhooksController,
    WebhookDeliveriesController,
    CommandsController,
    ExecutionsController,
    EventsController,
    HistoryController,
    ArtifactsController,
    AuditReviewsController,
    AuditController,
    CatalogueController,
    TasksController,
    DocumentAgentsController,
    HealthController,
  ],
})
export class HttpModule {}

/** What operators use. A global module provides CommandBus, QueryBus and Metrics. */
@Module({ controllers: [ProjectionsController, MetricsController] })
export class AdminModule {}

/** What is told as it happens. A global module provides QueryBus, LiveStreams and OpenStreams. */
@Module({ controllers: [StreamsController] })
export class LiveModule {}
