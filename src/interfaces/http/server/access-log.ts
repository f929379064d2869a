/** One line a request, by which its id is found again: whatever came of it. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Logger } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { idGiven } from './request-id.js';
import { loggedPath } from '../tasks/task-path.js';

export type AccessLevel = 'log' | 'debug' | 'off';

/** Asked every few seconds by what watches an instance. */
const PROBE = /^\/(health\/\w+|metrics)\/?$/;

/** The path without its query and without tokens. A stream has its line when it ends. */
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
      logger[of](lineOf(method, path, status, begun, `${id}${end}`));
    });
    next();
  };
};

/** The same of requests that ask for another protocol, which middleware does not see. Each is noted when its connection ends. */
export const upgradeLog = (level: AccessLevel) => {
  const logger = new Logger('Access');
  return upgradeNotes((line) => {
    if (level !== 'off') logger[level](line);
  });
};

/** @returns notes a request, and what it was answered */
export const upgradeNotes =
  (write: (line: string) => void) =>
  ({ method = '', url = '', headers }: IncomingMessage, socket: Duplex): ((status: number) => void) => {
    const begun = performance.now();
    let answered: number | 'none' = 'none';
    const path = url.split('?', 1)[0]!;
    const id = idGiven(String(headers['x-request-id'] ?? '')) ?? 'none';
    socket.once('close', () => write(lineOf(method, path, answered, begun, id)));
    return (status) => (answered = status);
  };

const lineOf = (method: string, path: string, status: number | 'none', begun: number, request: string): string =>
  `${method} ${path} ${status} in ${Math.round(performance.now() - begun)} ms (request ${request})`;
