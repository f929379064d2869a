import { Artifact } from './artifact.entity.js';
import { AuditCheckpoint, AuditLeaf, AuditNode } from './audit-tree.entity.js';
import { InstallationSecret } from './installation-secret.entity.js';
import { ProjectionCheckpoint } from './projection-checkpoint.entity.js';
import { ProjectionLate } from './projection-late.entity.js';
import { ProjectionPoison } from './projection-poison.entity.js';
import { ProjectionDrift } from './projection-drift.entity.js';
import { ProjectionOrder } from './projection-order.entity.js';
import { ProjectionSkipped } from './projection-skipped.entity.js';
import { WebhookCursor, WebhookDelivery, WebhookLane } from './webhook-delivery.entity.js';
import { Webhook, WebhookSecret } from './webhook.entity.js';
import { Worker } from './worker.entity.js';
import { WorkflowEventRow } from './workflow-event.entity.js';
import { WorkflowExecution } from './workflow-execution.entity.js';
import { WorkflowStep } from './workflow-step.entity.js';

export const entities = [
  WorkflowExecution,
  WorkflowStep,
  WorkflowEventRow,
  ProjectionCheckpoint,
  ProjectionPoison,
  ProjectionOrder,
  ProjectionSkipped,
  ProjectionDrift,
  ProjectionLate,
  Artifact,
  Worker,
  InstallationSecret,
  AuditLeaf,
  AuditNode,
  AuditCheckpoint,
  Webhook,
  WebhookSecret,
  WebhookDelivery,
  WebhookLane,
  WebhookCursor,
];
