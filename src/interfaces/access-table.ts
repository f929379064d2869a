/** Which permission each way in needs. What is not listed is denied; a test compares the list with what is served. */
import type { Permission } from '../domain/access/permissions.js';

/** Where a request names the project, or the execution whose project counts. */
export type Target =
  /** It names none: the permission is enough. */
  | 'none'
  /** A list, a stream or a subscription: the handler shows what the permission's projects hold. */
  | 'scoped'
  | 'execution in path'
  | 'two executions in path'
  | 'execution in query'
  | 'execution in body'
  | 'project in body';

export type AccessRule =
  /** It says nothing of any execution or person. */
  | Readonly<{ kind: 'public' }>
  /** The path holds a task token, which is the credential. */
  | Readonly<{ kind: 'task-token' }>
  /** Calls of this installation to its own agents, which have a token of their own. */
  | Readonly<{ kind: 'own-call' }>
  /** Whoever has a credential that counts, with whatever roles: it says what they may know of themselves. */
  | Readonly<{ kind: 'known' }>
  /** Pages by which a person gets in or out: they look at cookies themselves. */
  | Readonly<{ kind: 'sign-in' }>
  | Readonly<{ kind: 'permission'; permission: Permission; target: Target }>;

const needs = (permission: Permission, target: Target = 'none'): AccessRule => ({
  kind: 'permission',
  permission,
  target,
});

const WORKFLOW = '/api/v1/workflow';
const PROJECTIONS = '/api/v1/admin/projections';
const WEBHOOKS = '/api/v1/workflow/webhooks';
const ACCESS = '/api/v1/access';

/** By method and the route's template. */
export const HTTP_ACCESS: Readonly<Record<string, AccessRule>> = {
  'GET /health/live': { kind: 'public' },
  // Details are shown to those who hold `health.read`.
  'GET /health/ready': { kind: 'public' },
  'GET /metrics': needs('metrics.read'),
  'GET /openapi.json': { kind: 'public' },
  'GET /docs': { kind: 'public' },

  'GET /sign-in': { kind: 'sign-in' },
  'GET /auth/sign-in': { kind: 'sign-in' },
  'GET /auth/callback': { kind: 'sign-in' },
  'POST /auth/sign-out': { kind: 'sign-in' },
  'GET /auth/me': { kind: 'known' },

  [`POST ${WORKFLOW}/start`]: needs('executions.start', 'project in body'),
  [`POST ${WORKFLOW}/control`]: needs('executions.control', 'execution in body'),
  [`POST ${WORKFLOW}/execute`]: needs('executions.control', 'execution in body'),

  [`GET ${WORKFLOW}`]: needs('executions.read', 'execution in query'),
  [`GET ${WORKFLOW}/executions`]: needs('executions.read', 'scoped'),
  [`GET ${WORKFLOW}/stream`]: needs('executions.read', 'scoped'),
  [`GET ${WORKFLOW}/:execution_id/stream`]: needs('executions.read', 'execution in path'),
  [`GET ${WORKFLOW}/:execution_id/events`]: needs('executions.read', 'execution in path'),
  [`GET ${WORKFLOW}/:execution_id/diff`]: needs('executions.read', 'execution in path'),
  [`GET ${WORKFLOW}/:execution_id/compare/:other_id`]: needs('executions.read', 'two executions in path'),
  [`GET ${WORKFLOW}/:execution_id/artifacts/:name`]: needs('executions.read', 'execution in path'),
  [`GET ${WORKFLOW}/:execution_id/audit-reviews`]: needs('executions.read', 'execution in path'),
  [`POST ${WORKFLOW}/:execution_id/audit-reviews`]: needs('audit.review', 'execution in path'),
  [`GET ${WORKFLOW}/:execution_id/signatures`]: needs('executions.read', 'execution in path'),
  [`POST ${WORKFLOW}/:execution_id/signatures`]: needs('audit.sign', 'execution in path'),
  [`POST ${WORKFLOW}/:execution_id/signatures/:signature_id/withdraw`]: needs('audit.sign', 'execution in path'),
  [`GET ${WORKFLOW}/:execution_id/audit-pack`]: needs('audit.export', 'execution in path'),

  [`GET ${WORKFLOW}/definitions`]: needs('catalog.read'),
  [`GET ${WORKFLOW}/agents`]: needs('catalog.read'),
  [`POST ${WORKFLOW}/agents/:name/hold`]: needs('agents.hold'),
  [`POST ${WORKFLOW}/agents/:name/release`]: needs('agents.hold'),

  [`POST ${WORKFLOW}/tasks/:token`]: { kind: 'task-token' },
  'POST /api/v1/enrich': { kind: 'own-call' },
  'POST /api/v1/compose': { kind: 'own-call' },
  'POST /api/v1/write': { kind: 'own-call' },
  'POST /api/v1/validate': { kind: 'own-call' },
  'POST /api/v1/assemble': { kind: 'own-call' },
  'POST /api/v1/export': { kind: 'own-call' },

  [`GET ${PROJECTIONS}`]: needs('projections.read'),
  [`GET ${PROJECTIONS}/:name`]: needs('projections.read'),
  [`GET ${PROJECTIONS}/:name/rebuilds/:id`]: needs('projections.read'),
  [`POST ${PROJECTIONS}/:name/poisoned/:execution_id`]: needs('projections.manage'),
  [`POST ${PROJECTIONS}/:name/rebuilds`]: needs('projections.manage'),
  [`POST ${PROJECTIONS}/:name/rebuilds/:id/approve`]: needs('projections.manage'),
  [`POST ${PROJECTIONS}/:name/rebuilds/:id/abandon`]: needs('projections.manage'),
  [`POST ${PROJECTIONS}/:name/rollback`]: needs('projections.manage'),
  [`POST ${PROJECTIONS}/:name/drop-previous`]: needs('projections.manage'),

  [`GET ${WEBHOOKS}`]: needs('webhooks.read', 'scoped'),
  [`GET ${WEBHOOKS}/:id`]: needs('webhooks.read', 'scoped'),
  [`GET ${WEBHOOKS}/:id/deliveries`]: needs('webhooks.read', 'scoped'),
  [`POST ${WEBHOOKS}`]: needs('webhooks.manage', 'scoped'),
  [`DELETE ${WEBHOOKS}/:id`]: needs('webhooks.manage', 'scoped'),
  [`POST ${WEBHOOKS}/:id/enable`]: needs('webhooks.manage', 'scoped'),
  [`POST ${WEBHOOKS}/:id/disable`]: needs('webhooks.manage', 'scoped'),
  [`POST ${WEBHOOKS}/:id/test`]: needs('webhooks.manage', 'scoped'),
  [`POST ${WEBHOOKS}/:id/secrets`]: needs('webhooks.manage', 'scoped'),
  [`POST ${WEBHOOKS}/:id/deliveries/:delivery_id/redeliver`]: needs('webhooks.manage', 'scoped'),

  [`GET ${ACCESS}/me`]: { kind: 'known' },
  [`GET ${ACCESS}/keys`]: needs('access.read'),
  [`GET ${ACCESS}/keys/:id`]: needs('access.read'),
  [`POST ${ACCESS}/keys`]: needs('access.manage'),
  [`POST ${ACCESS}/keys/:id/rotate`]: needs('access.manage'),
  [`POST ${ACCESS}/keys/:id/revoke`]: needs('access.manage'),
  [`GET ${ACCESS}/grants`]: needs('access.read'),
  [`POST ${ACCESS}/grants`]: needs('access.manage'),
  [`POST ${ACCESS}/grants/withdraw`]: needs('access.manage'),
  [`GET ${ACCESS}/subjects`]: needs('access.read'),
  [`POST ${ACCESS}/subjects/block`]: needs('access.manage'),
  [`POST ${ACCESS}/subjects/unblock`]: needs('access.manage'),
  [`GET ${ACCESS}/log`]: needs('access.log'),
};

/**
 * Verbs of the command line, by the names of the npm scripts. On the machine they act with the rights of its account, which may
 * read and write the data anyway; over HTTP they need what their routes need.
 */
export const CLI_ACCESS: Readonly<Record<string, 'on the machine' | readonly string[]>> = {
  start: 'on the machine',
  quickstart: 'on the machine',
  workflow: [
    `POST ${WORKFLOW}/start`,
    `POST ${WORKFLOW}/control`,
    `POST ${WORKFLOW}/execute`,
    `GET ${WORKFLOW}`,
    `GET ${WORKFLOW}/executions`,
    `GET ${WORKFLOW}/:execution_id/stream`,
    `GET ${WORKFLOW}/:execution_id/events`,
    `GET ${WORKFLOW}/:execution_id/audit-pack`,
    `GET ${WORKFLOW}/definitions`,
    `GET ${WEBHOOKS}`,
    `GET ${WEBHOOKS}/:id`,
    `GET ${WEBHOOKS}/:id/deliveries`,
    `POST ${WEBHOOKS}`,
    `DELETE ${WEBHOOKS}/:id`,
    `POST ${WEBHOOKS}/:id/enable`,
    `POST ${WEBHOOKS}/:id/disable`,
    `POST ${WEBHOOKS}/:id/test`,
    `POST ${WEBHOOKS}/:id/secrets`,
    `POST ${WEBHOOKS}/:id/deliveries/:delivery_id/redeliver`,
  ],
  doctor: 'on the machine',
  watch: [`GET ${WORKFLOW}/:execution_id/stream`],
  replay: 'on the machine',
  audit: 'on the machine',
  access: 'on the machine',
  projections: 'on the machine',
  eventstore: 'on the machine',
  'eventstore:adopt': 'on the machine',
  'eventstore:copy': 'on the machine',
};

/** Rows of read tables, by the tables' names. */
export const REALTIME_ACCESS: Readonly<Record<string, AccessRule>> = {
  workflow_executions: needs('executions.read', 'scoped'),
  workflow_steps: needs('executions.read', 'scoped'),
  workflow_events: needs('executions.read', 'scoped'),
};
