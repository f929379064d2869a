/** One line a request, by which its id is found again: whatever came of it. */
import { Logger } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { loggedPath } from './task-path.js';

export type AccessLevel = 'log' | 'debug' | 'off';

/** Asked every few seconds by what watches an instance. */
const PROBE = /^\/(health\/\w+|metrics)\/?$/;

/** The path without its query and without tokens. A stream is told when it ends. */
export const accessLog = (level: AccessLevel) => {
  const logger = new Logger('Access');
  return (request: Request, response: Response, next: NextFunction): void => {
    const of = PROBE.test(request.path) && level === 'log' ? 'debug' : level;
    if (of === 'off' || !Logger.isLevelEnabled(of)) return next();
    const begun = performance.now();
    const [method, path] = [request.method, loggedPath(request)];
    response.once('close', () => {
      const id = String(response.getHeader('X-Request-Id') ?? '');
      const status = response.headersSent ? response.statusCode : 'none';
      const end = response.writableFinished ? '' : ', broken off';
      logger[of](`${method} ${path} ${status} in ${Math.round(performance.now() - begun)} ms (request ${id}${end})`);
    });
    next();
  };
};
