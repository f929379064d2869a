import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';

const ACCEPTABLE = /^[A-Za-z0-9._-]{1,128}$/;

/** Under this id an answer is found in the log. A caller's own is kept where it is fit to be written there. */
export const requestId = (request: Request, response: Response, next: NextFunction): void => {
  const given = request.get('x-request-id') ?? '';
  response.setHeader('X-Request-Id', ACCEPTABLE.test(given) ? given : randomUUID());
  next();
};
