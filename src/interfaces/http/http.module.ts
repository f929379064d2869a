import { Module } from '@nestjs/common';
import { AccessController } from './access/access.controller.js';
import { AccessLogController } from './access/access-log.controller.js';
import { SignInController } from './access/sign-in.controller.js';
import { AgentsController, DocumentAgentsController } from './agents/agents.controller.js';
import { AuditController } from './audit/audit.controller.js';
import { SignaturesController } from './audit/signatures.controller.js';
import { CommandsController } from './executions/commands.controller.js';
import { DefinitionsController, ExecutionsController } from './executions/executions.controller.js';
import { HealthController, MetricsController } from './health/health.controller.js';
import { EventsController } from './history/events.controller.js';
import { HistoryController } from './history/history.controller.js';
import { ProjectionsController } from './projections/projections.controller.js';
import { ReferenceController } from './reference/reference.controller.js';
import { StreamsController } from './streams/streams.controller.js';
import { TasksController } from './tasks/tasks.controller.js';
import { WebhookDeliveriesController, WebhooksController } from './webhooks/webhooks.controller.js';

/** All routes. A global module provides what the controllers ask for: the buses, and what is not asked over a bus. */
@Module({
  controllers: [
    AccessController,
    AccessLogController,
    SignInController,
    AgentsController,
    WebhooksController,
    WebhookDeliveriesController,
    CommandsController,
    ExecutionsController,
    EventsController,
    HistoryController,
    AuditController,
    SignaturesController,
    DefinitionsController,
    TasksController,
    DocumentAgentsController,
    HealthController,
    ReferenceController,
    StreamsController,
    ProjectionsController,
    MetricsController,
  ],
})
export class HttpModule {}
