/** The paths that hold a task token: the only authentication of their requests, and a secret while its attempt runs. */
import type { NextFunction, Request, Response } from 'express';
import type { TaskTokens } from '../../../application/workflow/tasks.js';
import { NotFound } from '../../../application/runtime/errors.js';

const TASK = /^(\/api\/v1\/workflow\/tasks\/)([^/]+)/i;

export const tokenIn = ({ path }: Pick<Request, 'path'>): string | undefined => TASK.exec(path)?.[2];

/** Fit for logs. */
export const loggedPath = ({ path }: Pick<Request, 'path'>): string => path.replace(TASK, '$1[token]');

/** Before a byte of the body is read: who has no token cannot make this side keep many megabytes. */
export const refuseForgedTokens =
  (tokens: TaskTokens) =>
  (request: Request, _response: Response, next: NextFunction): void => {
    const token = tokenIn(request);
    if (token !== undefined && request.method === 'POST' && !tokens.read(token)) {
      throw new NotFound('There is no such task');
    }
    next();
  };
