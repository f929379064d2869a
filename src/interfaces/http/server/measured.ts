import type { NextFunction, Request, Response } from 'express';
import type { Metrics } from '../../../application/runtime/metrics.js';

const KNOWN: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Takes the time of each request. Paths hold ids and tokens: only the route's template is told. */
export const measured =
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
