/** The document agents' paths: they answer this installation's own calls. */
import type { NextFunction, Request, Response } from 'express';
import type { DocumentAgentName } from '../../../application/agents/agents.js';
import { Refusal } from '../server/refusal.js';

/** The paths of the guide. */
export const AGENT_PATHS: Readonly<Record<string, DocumentAgentName>> = {
  '/api/v1/enrich': 'regdata',
  '/api/v1/compose': 'composer',
  '/api/v1/write': 'writer',
  '/api/v1/validate': 'validator',
  '/api/v1/assemble': 'assembler',
  '/api/v1/export': 'export',
};

const agents = new Map(Object.entries(AGENT_PATHS));

/** As the router matches: letter case and a slash at the end make no difference. */
export const agentAt = (path: string): DocumentAgentName | undefined =>
  agents.get(path.toLowerCase().replace(/\/$/, ''));

/** The header by which an instance knows the calls of its own installation. */
const OWN_CALL_HEADER = 'x-installation-token';

export abstract class OwnCalls {
  /** @param token as it came; undefined where there was none */
  abstract isOwn(token: string | undefined): boolean;
}

/** Before a byte of the body is read: these paths take many megabytes, and work on them for seconds. */
export const refuseForeignAgentCalls =
  (calls: OwnCalls) =>
  (request: Request, _response: Response, next: NextFunction): void => {
    if (request.method === 'POST' && agentAt(request.path) !== undefined && !calls.isOwn(request.get(OWN_CALL_HEADER)))
      throw new Refusal(403, 'FORBIDDEN', FOREIGN_CALL);
    next();
  };

const FOREIGN_CALL =
  'The document agents: expected a call of this installation, got another. Start a workflow, which calls them; to let ' +
  'everyone who reaches this port call them, set AGENT_ROUTES=open';
