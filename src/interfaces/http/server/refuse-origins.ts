import type { NextFunction, Request, Response } from 'express';
import { EXPECTED_ORIGIN, type OriginCheck } from '../../known-origins.js';
import { problem, Refusal } from './refusal.js';

const STREAM = /^\/api\/v1\/workflow(\/[^/]+)?\/stream\/?$/;

/**
 * A stream that a page of another origin opens takes a place for as long as the page is open, though the browser shows it
 * nothing; so it is refused, or, where the origin is allowed, shown. @throws Refusal 403
 */
export const refuseOrigins =
  (isKnown: OriginCheck) =>
  (request: Request, response: Response, next: NextFunction): void => {
    if (!STREAM.test(request.path)) return next();
    const { origin, host } = request.headers;
    response.vary('Origin');
    if (!isKnown(origin, host)) {
      const told = problem('Origin', EXPECTED_ORIGIN, origin);
      throw new Refusal(403, 'FORBIDDEN', `Origin: expected ${EXPECTED_ORIGIN}, got ${told.received}`, [told]);
    }
    if (origin !== undefined) response.setHeader('Access-Control-Allow-Origin', origin);
    next();
  };
