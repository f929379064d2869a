import { Artifact, Worker, InstallationSecret } from './operational.entities.js';
import { AuditCheckpoint, AuditLeaf, AuditNode } from './audit-tree.entities.js';
import {
  ProjectionCheckpoint,
  ProjectionDrift,
  ProjectionLate,
  ProjectionOrder,
  ProjectionPoison,
  ProjectionSkipped,
} from './projection.entities.js';
import { WebhookCursor, WebhookDelivery, WebhookLane, Webhook, WebhookSecret } from './webhook.entities.js';
import { WorkflowEventRow, WorkflowExecution, WorkflowStep } from './workflow.entities.js';

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
