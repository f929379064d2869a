/** Which requests are admitted: checked by headers and path alone, before a byte of a body is read. */
import type { NextFunction, Request, Response } from 'express';
import { NotFound } from '../../../application/runtime/errors.js';
import type { TaskTokens } from '../../../application/workflow/tasks.js';
import { EXPECTED_HOST, EXPECTED_ORIGIN, type HostCheck, type OriginCheck } from '../../known-origins.js';
import { problem, Refusal } from './refusal.js';
import { groupOf } from './route-group.js';

/** @throws Refusal 421 */
export const refuseHosts =
  (isKnown: HostCheck) =>
  ({ headers: { host } }: Request, _response: Response, next: NextFunction): void => {
    if (isKnown(host)) return next();
    const wrong = problem('Host', EXPECTED_HOST, host);
    throw new Refusal(421, 'UNKNOWN_HOST', `Host: expected ${EXPECTED_HOST}, got ${wrong.received}`, [wrong]);
  };

/**
 * A stream that a page of another origin opens takes a place for as long as the page is open, though the browser shows it
 * nothing; so the stream is refused, or, where the origin is allowed, shown. @throws Refusal 403
 */
export const refuseOrigins =
  (isKnown: OriginCheck) =>
  (request: Request, response: Response, next: NextFunction): void => {
    if (groupOf(request).kind !== 'stream') return next();
    const { origin, host } = request.headers;
    response.vary('Origin');
    if (!isKnown(origin, host)) {
      const wrong = problem('Origin', EXPECTED_ORIGIN, origin);
      throw new Refusal(403, 'FORBIDDEN', `Origin: expected ${EXPECTED_ORIGIN}, got ${wrong.received}`, [wrong]);
    }
    if (origin !== undefined) response.setHeader('Access-Control-Allow-Origin', origin);
    next();
  };

/** A client without a task token cannot make this side keep many megabytes. @throws NotFound */
export const refuseForgedTokens =
  (tokens: TaskTokens) =>
  (request: Request, _response: Response, next: NextFunction): void => {
    const group = groupOf(request);
    if (group.kind === 'task' && request.method === 'POST' && !tokens.read(group.token)) {
      throw new NotFound('There is no such task');
    }
    next();
  };

/** The header by which an instance knows the calls of its own installation. */
const OWN_CALL_HEADER = 'x-installation-token';

export abstract class OwnCalls {
  /** @param token as it came; undefined where there was none */
  abstract isOwn(token: string | undefined): boolean;
}

/** The document agents answer this installation's own calls: they take many megabytes, and work for seconds. @throws Refusal 403 */
export const refuseForeignAgentCalls =
  (calls: OwnCalls) =>
  (request: Request, _response: Response, next: NextFunction): void => {
    const isCall = request.method === 'POST' && groupOf(request).kind === 'agent';
    if (isCall && !calls.isOwn(request.get(OWN_CALL_HEADER))) throw new Refusal(403, 'FORBIDDEN', FOREIGN_CALL);
    next();
  };

const FOREIGN_CALL =
  'The document agents: expected a call of this installation, got another. Start a workflow, which calls them; to let ' +
  'everyone who reaches this port call them, set AGENT_ROUTES=open';
