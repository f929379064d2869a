/** What is recorded of each request: its id, a line in the log whatever its outcome, its duration. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import type { Metrics } from '../../../application/runtime/metrics.js';
import { clientOf } from './client.js';
import { groupOf, loggedPath } from './route-group.js';

const ACCEPTABLE = /^[A-Za-z0-9._-]{1,128}$/;

/** Under this id an answer is found in the log. A caller's own is kept where it is fit to be written there. */
export const requestId = (request: Request, response: Response, next: NextFunction): void => {
  response.setHeader('X-Request-Id', idGiven(request.get('x-request-id') ?? '') ?? randomUUID());
  next();
};

const idGiven = (id: string): string | undefined => (ACCEPTABLE.test(id) ? id : undefined);

export type AccessLevel = 'log' | 'debug' | 'off';

/**
 * The path without its query and without tokens. A stream has its line when it ends.
 * @param showsClients whether the line has the client's address
 */
export const accessLog = (level: AccessLevel, showsClients = false) => {
  const logger = new Logger('Access');
  return (request: Request, response: Response, next: NextFunction): void => {
    const of = groupOf(request).kind === 'probe' && level === 'log' ? 'debug' : level;
    if (of === 'off' || !Logger.isLevelEnabled(of)) return next();
    const begun = performance.now();
    const [method, path] = [request.method, loggedPath(request)];
    const from = showsClients ? fromOf(request) : '';
    response.once('close', () => {
      const id = String(response.getHeader('X-Request-Id') ?? '');
      const status = response.headersSent ? response.statusCode : 'none';
      const end = response.writableFinished ? '' : ', broken off';
      logger[of](lineOf(method, path, status, begun, `${id}${from}${end}`));
    });
    next();
  };
};

/** The same of requests that ask for another protocol, which middleware does not see. Each is noted when its connection ends. */
export const upgradeLog = (level: AccessLevel, showsClients = false) => {
  const logger = new Logger('Access');
  return upgradeNotes((line) => {
    if (level !== 'off') logger[level](line);
  }, showsClients);
};

/** @returns notes a request, and what it was answered */
export const upgradeNotes =
  (write: (line: string) => void, showsClients = false) =>
  (request: IncomingMessage, socket: Duplex): ((status: number) => void) => {
    const { method = '', url = '', headers } = request;
    const begun = performance.now();
    let answered: number | 'none' = 'none';
    const path = url.split('?', 1)[0]!;
    const id = idGiven(String(headers['x-request-id'] ?? '')) ?? 'none';
    const from = showsClients ? fromOf(request) : '';
    socket.once('close', () => write(lineOf(method, path, answered, begun, `${id}${from}`)));
    return (status) => (answered = status);
  };

/** The address is known while the connection is there. */
const fromOf = (request: IncomingMessage): string => ` from ${clientOf(request).address || 'nowhere'}`;

const lineOf = (method: string, path: string, status: number | 'none', begun: number, request: string): string =>
  `${method} ${path} ${status} in ${Math.round(performance.now() - begun)} ms (request ${request})`;

const KNOWN: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Takes the time of each request. Paths hold ids and tokens: the metric has the route's template. */
export const measureRequests =
  (metrics: Metrics) =>
  (request: Request, response: Response, next: NextFunction): void => {
    const begun = performance.now();
    response.once('close', () => {
      const path: unknown = (request.route as { path?: unknown } | undefined)?.path;
      const route = typeof path === 'string' ? path : 'none';
      const method = KNOWN.has(request.method) ? request.method : 'other';
      metrics.request(method, route, response.statusCode, (performance.now() - begun) / 1_000);
    });
    next();
  };
