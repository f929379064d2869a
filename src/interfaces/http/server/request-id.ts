import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';

const ACCEPTABLE = /^[A-Za-z0-9._-]{1,128}$/;

/** Under this id an answer is found in the log. A caller's own is kept where it is fit to be written there. */
export const requestId = (request: Request, response: Response, next: NextFunction): void => {
  response.setHeader('X-Request-Id', idGiven(request.get('x-request-id') ?? '') ?? randomUUID());
  next();
};

export const idGiven = (id: string): string | undefined => (ACCEPTABLE.test(id) ? id : undefined);
