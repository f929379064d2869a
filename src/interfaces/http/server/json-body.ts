/** Request bodies: JSON objects in UTF-8, not compressed, of a bounded size. A body without a route is not read. */
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import type { TaskReport } from '../../../application/workflow/tasks.js';
import { agentAt } from '../agents/agent-paths.js';
import type { HttpLimits } from './http-limits.js';
import { received } from './received.js';
import { bodyTooLarge, Refusal } from './refusal.js';
import { methodsAt } from './routes.js';
import { tokenIn } from '../tasks/task-path.js';
import type { JsonReader } from './json-reader.js';
import type { BodyRules } from './read-json.js';
import { readBody } from './read-body.js';

type Group = Readonly<{ holds: (request: Request) => boolean; bytes: number }> & BodyRules;

/** @param stepOf the step that a task token speaks of */
export const useJsonBodies = (
  app: NestExpressApplication,
  limits: HttpLimits,
  reader: JsonReader,
  stepOf: (token: string) => string | undefined,
): void => {
  const depth = limits.agentJsonDepth;
  const groups: readonly Group[] = [
    // What this application stored before such numbers were refused goes to its own agents as it was stored.
    { holds: isForAgent, bytes: limits.agentBodyBytes, depth, members: limits.agentBodyMembers, exact: false },
    { holds: isTaskReport, bytes: limits.taskBodyBytes, depth, members: limits.taskBodyMembers },
    {
      holds: (request) => !isForAgent(request) && !isTaskReport(request),
      bytes: limits.bodyBytes,
      depth: limits.jsonDepth,
      members: limits.bodyMembers,
    },
  ];
  app.use((request: Request, _response: Response, next: NextFunction) => {
    const group = groups.find(({ holds }) => holds(request));
    if (group && takesBody(request)) refuseHeaders(request, group.bytes);
    next();
  });
  app.use(async (request: Request, _response: Response, next: NextFunction) => {
    const group = groups.find(({ holds }) => holds(request));
    if (group && takesBody(request)) {
      const bytes = await readBody(request, group.bytes);
      const token = tokenIn(request);
      const step = token && stepOf(token);
      const read = await reader.read(bytes, group, token && step ? { token, step } : null);
      request.body = read.body;
      if (read.report) reports.set(request, read.report);
    }
    next();
  });
};

const reports = new WeakMap<Request, TaskReport>();

/** What the body of this request says of its task, where that was read together with it. */
export const reportIn = (request: Request): TaskReport | null => reports.get(request) ?? null;

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
