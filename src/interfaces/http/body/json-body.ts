/** Request bodies: JSON objects in UTF-8, not compressed, of a bounded size. A body without a route is not read. */
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import { agentAt } from '../agent-paths.js';
import type { HttpLimits } from '../http-limits.js';
import { received } from '../received.js';
import { bodyTooLarge, Refusal } from '../refusal.js';
import { methodsAt } from '../routes.js';
import { tokenIn } from '../task-path.js';
import { readJson } from './read-json.js';

type Group = Readonly<{ holds: (request: Request) => boolean; bytes: number; depth: number }>;

export const useJsonBodies = (app: NestExpressApplication, limits: HttpLimits): void => {
  const groups: readonly Group[] = [
    { holds: isForAgent, bytes: limits.agentBodyBytes, depth: limits.agentJsonDepth },
    { holds: isTaskReport, bytes: limits.taskBodyBytes, depth: limits.agentJsonDepth },
    {
      holds: (request) => !isForAgent(request) && !isTaskReport(request),
      bytes: limits.bodyBytes,
      depth: limits.jsonDepth,
    },
  ];
  app.use((request: Request, _response: Response, next: NextFunction) => {
    const group = groups.find(({ holds }) => holds(request));
    if (group && takesBody(request)) refuseHeaders(request, group.bytes);
    next();
  });
  for (const { holds, bytes } of groups) {
    const type = (request: unknown) => takesBody(request as Request) && holds(request as Request);
    app.useBodyParser('raw', { type, limit: bytes, inflate: false });
  }
  app.use((request: Request, _response: Response, next: NextFunction) => {
    const group = groups.find(({ holds }) => holds(request));
    if (group && takesBody(request)) {
      const body: unknown = request.body;
      // What this application has stored before such numbers were refused goes to its own agents as it was stored.
      request.body = readJson(Buffer.isBuffer(body) ? body : Buffer.alloc(0), group.depth, !isForAgent(request));
    }
    next();
  });
};

const isForAgent = ({ path }: Request): boolean => agentAt(path) !== undefined;

const isTaskReport = (request: Request): boolean => tokenIn(request) !== undefined;

const takesBody = (request: Request): boolean => request.method === 'POST' && methodsAt(request).includes('POST');

const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?;?\s*$/i;

/**
 * Before a byte of the body is read. @throws Refusal 413, 415. What a browser may send to another site unasked (forms,
 * plain text) is among what is refused.
 */
const refuseHeaders = ({ headers }: Request, limit: number): void => {
  const type = headers['content-type'];
  const encoding = headers['content-encoding'];
  const length = Number(headers['content-length'] ?? 0);
  if (length > limit) throw bodyTooLarge(limit, length);
  const isEmpty = headers['transfer-encoding'] === undefined && length === 0;
  if (!isEmpty && !JSON_IN_UTF8.test(type ?? '')) throw unsupported('Content-Type', 'application/json in UTF-8', type);
  if (encoding !== undefined && encoding !== 'identity') throw unsupported('Content-Encoding', 'none', encoding);
};

const unsupported = (field: string, expected: string, value: string | undefined) =>
  new Refusal(415, 'UNSUPPORTED_MEDIA_TYPE', `${field}: expected ${expected}, got ${received(value)}`, [
    { field, expected, received: received(value) },
  ]);
