/** What a request is for, by its path: decided once for each request, before there is a route. */
import type { Request } from 'express';
import type { DocumentAgentName } from '../../../application/agents/agents.js';

/** The document agents' paths, as the guide has them. */
export const AGENT_PATHS: Readonly<Record<string, DocumentAgentName>> = {
  '/api/v1/enrich': 'regdata',
  '/api/v1/compose': 'composer',
  '/api/v1/write': 'writer',
  '/api/v1/validate': 'validator',
  '/api/v1/assemble': 'assembler',
  '/api/v1/export': 'export',
};

type RouteGroup = Readonly<
  /** Paths that hold a task token: the only authentication of their requests, and a secret while its attempt runs. */
  | { kind: 'task'; token: string }
  | { kind: 'agent'; agent: DocumentAgentName }
  /** Server-sent events. */
  | { kind: 'stream' }
  /** What monitoring asks every few seconds, also of an instance that is full. */
  | { kind: 'probe' }
  /** The form of a page, which has no fields: nothing of its body is read. */
  | { kind: 'form' }
  | { kind: 'other' }
>;

// As the router matches: letter case and a slash at the end make no difference.
const TASK = /^(\/api\/v1\/workflow\/tasks\/)([^/]+)/i;
const STREAM = /^\/api\/v1\/workflow(\/[^/]+)?\/stream\/?$/i;
const PROBE = /^\/(health\/(live|ready)|metrics)\/?$/i;
const FORM = /^\/auth\/sign-out\/?$/i;
const agents = new Map(Object.entries(AGENT_PATHS));

/** On the request itself: a weak map of requests costs the garbage collector much. */
const GROUP = Symbol('route group');

export const groupOf = (request: Pick<Request, 'path'>): RouteGroup => {
  return ((request as { [GROUP]?: RouteGroup })[GROUP] ??= groupAt(request.path));
};

const groupAt = (path: string): RouteGroup => {
  const token = TASK.exec(path)?.[2];
  if (token !== undefined) return { kind: 'task', token };
  const agent = agents.get(path.toLowerCase().replace(/\/$/, ''));
  if (agent !== undefined) return { kind: 'agent', agent };
  if (STREAM.test(path)) return { kind: 'stream' };
  if (FORM.test(path)) return { kind: 'form' };
  return { kind: PROBE.test(path) ? 'probe' : 'other' };
};

/** The path without a task token, fit for logs. */
export const loggedPath = (request: Pick<Request, 'path'>): string =>
  groupOf(request).kind === 'task' ? request.path.replace(TASK, '$1[token]') : request.path;
