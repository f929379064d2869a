import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import helmet from 'helmet';
import { TaskTokens } from '../../../application/workflow/tasks.js';
import type { HostCheck } from '../../known-hosts.js';
import type { OriginCheck } from '../../known-origins.js';
import { OwnCalls, refuseForeignAgentCalls } from '../agents/agent-paths.js';
import { useJsonBodies } from './json-body.js';
import { JsonReader } from './json-reader.js';
import { accessLog, type AccessLevel } from './access-log.js';
import { closeUnread } from './unread-body.js';
import type { Connections } from './connections.js';
import { closeKeepAlive } from './drain.js';
import { ErrorFilter } from './error-filter.js';
import type { StreamBounds } from '../streams/stream-bounds.js';
import type { HttpLimits } from './http-limits.js';
import { usePublicPath } from './public-path.js';
import { requestId } from './request-id.js';
import { refuseHosts } from './refuse-hosts.js';
import { refuseOrigins } from './refuse-origins.js';
import { RequestPipe } from './request-pipe.js';
import { refuseForgedTokens } from '../tasks/task-path.js';

/** Who may come in, and under which path they see this API. */
export type Door = Readonly<{
  isKnownHost: HostCheck;
  isKnownOrigin: OriginCheck;
  publicPath: string;
  connections?: Connections;
  access?: AccessLevel;
  /** When clients come again whose stream could not begin. */
  streams?: Pick<StreamBounds, 'retryMs'>;
}>;

/** Everything about HTTP that is no route. For an app created with `bodyParser: false`, before it is initialised. */
export const configureHttp = (
  app: NestExpressApplication,
  limits: HttpLimits,
  stopping: AbortSignal,
  { isKnownHost, isKnownOrigin, publicPath, connections, access = 'off', streams = { retryMs: 0 } }: Door,
): void => {
  app.disable('x-powered-by');
  app.set('trust proxy', false);
  app.set('query parser', 'simple');
  // Answers that have a revision or a hash say so themselves; hashing all others would tell nobody anything.
  app.set('etag', false);
  usePublicPath(app, publicPath);
  app.use(closeKeepAlive(stopping));
  app.use(closeUnread);
  app.use(requestId);
  app.use(accessLog(access));
  app.use(helmet());
  app.use(privately);
  if (connections) {
    connections.watch(app.getHttpServer());
    app.use(connections.refuse);
  }
  app.use(refuseHosts(isKnownHost));
  app.use(refuseOrigins(isKnownOrigin));
  const tokens = app.get(TaskTokens);
  app.use(refuseForgedTokens(tokens));
  app.use(refuseForeignAgentCalls(app.get(OwnCalls)));
  useJsonBodies(app, limits, app.get(JsonReader), (token) => tokens.read(token)?.step);
  app.useGlobalPipes(new RequestPipe());
  app.useGlobalFilters(new ErrorFilter(streams));
};

const privately = (_request: Request, response: Response, next: NextFunction): void => {
  response.setHeader('Cache-Control', 'private, no-cache');
  next();
};
