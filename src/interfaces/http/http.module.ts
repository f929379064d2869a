import { Module } from '@nestjs/common';
import { AgentsController } from './controllers/agents.controller.js';
import { ArtifactsController } from './controllers/artifacts.controller.js';
import { AuditReviewsController } from './controllers/audit-reviews.controller.js';
import { AuditController } from './controllers/audit.controller.js';
import { CatalogueController } from './controllers/catalogue.controller.js';
import { CommandsController } from './controllers/commands.controller.js';
import { DocumentAgentsController } from './controllers/document-agents.controller.js';
import { EventsController } from './controllers/events.controller.js';
import { ExecutionsController } from './controllers/executions.controller.js';
import { HealthController } from './controllers/health.controller.js';
import { HistoryController } from './controllers/history.controller.js';
import { TasksController } from './controllers/tasks.controller.js';
import { WebhookDeliveriesController } from './controllers/webhook-deliveries.controller.js';
import { WebhooksController } from './controllers/webhooks.controller.js';

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
