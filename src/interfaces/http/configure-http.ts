import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import helmet, { strictTransportSecurity } from 'helmet';
import { AccessLog } from '../../application/access/access-log.js';
import { Authenticator } from '../../application/access/authenticator.js';
import { ExecutionProjects } from '../../application/access/execution-projects.js';
import type { Outages } from '../../application/runtime/outage-log.js';
import { TaskTokens } from '../../application/workflow/tasks.js';
import type { HostCheck, OriginCheck } from '../known-origins.js';
import { AccessGuard, BodyAccessGuard } from './access/access-guard.js';
import { CookieWrites } from './access/cookie-writes.js';
import { ErrorFilter } from './error-filter.js';
import { accessLog, requestId, type AccessLevel } from './server/access-log.js';
import {
  OwnCalls,
  refuseForeignAgentCalls,
  refuseForgedTokens,
  refuseHosts,
  refuseOrigins,
} from './server/admission.js';
import { usePublicPath } from './server/answer.js';
import { endUnreadBodies } from './server/body-bytes.js';
import { clientOf, trustProxies } from './server/client.js';
import type { Connections } from './server/connections.js';
import { closeKeepAlive } from './server/drain.js';
import { RequestPipe } from './server/fields.js';
import { LimitGuard, limitAddresses, type RequestLimits } from './server/request-limits.js';
import { JsonBodies, JsonReader, type HttpLimits } from './server/json-body.js';
import type { StreamBounds } from './streams/response-sink.js';

/** Which requests are admitted, and under which path clients see this API. */
export type Door = Readonly<{
  isKnownHost: HostCheck;
  isKnownOrigin: OriginCheck;
  /** Pages of this installation alone: by default, those of the address that was asked. */
  isOwnOrigin?: OriginCheck;
  publicPath: string;
  connections?: Connections;
  /** Undefined where no client is limited. */
  limits?: RequestLimits | undefined;
  /** Whose word on the client's address and scheme counts, as `TRUSTED_PROXY` has it. */
  trustedProxies?: readonly string[];
  access?: AccessLevel;
  /** Whether the log has the addresses of clients. */
  showsClients?: boolean;
  /** After which pause clients come again whose stream could not begin. */
  streams?: Pick<StreamBounds, 'retryMs'>;
  /** Counts the requests that fail because a server is away, in place of a line for each. */
  outages?: Pick<Outages, 'take'>;
}>;

/** Everything about HTTP that is no route. For an app created with `bodyParser: false`, before it is initialised. */
export const configureHttp = (
  app: NestExpressApplication,
  limits: HttpLimits,
  stopping: AbortSignal,
  door: Door,
): void => {
  const { publicPath, connections, access = 'off', streams = { retryMs: 0 }, outages } = door;
  app.disable('x-powered-by');
  app.set('trust proxy', false);
  app.set('query parser', 'simple');
  // Answers with a revision or a hash set their ETag themselves; no client could use a hash of any other.
  app.set('etag', false);
  usePublicPath(app, publicPath);
  app.use(closeKeepAlive(stopping));
  app.use(endUnreadBodies);
  trustProxies(app.getHttpServer(), door.trustedProxies ?? []);
  app.use(requestId);
  app.use(accessLog(access, door.showsClients));
  app.use(helmet({ strictTransportSecurity: false }));
  if (canBeSecure(app.getHttpServer(), door)) app.use(demandTls);
  app.use(cachePrivately);
  if (connections) {
    connections.watch(app.getHttpServer());
    app.use(connections.refuse);
  }
  if (door.limits) app.use(limitAddresses(door.limits));
  app.use(refuseHosts(door.isKnownHost));
  app.use(refuseOrigins(door.isKnownOrigin));
  const tokens = app.get(TaskTokens);
  app.use(refuseForgedTokens(tokens));
  app.use(refuseForeignAgentCalls(app.get(OwnCalls)));
  const [authenticator, projects] = [app.get(Authenticator), app.get(ExecutionProjects)];
  app.useGlobalGuards(
    new AccessGuard(authenticator, projects, new CookieWrites(door.isOwnOrigin)),
    ...(door.limits ? [new LimitGuard(door.limits)] : []),
    new JsonBodies(limits, app.get(JsonReader), (token) => tokens.read(token)?.step),
    new BodyAccessGuard(authenticator.mode, projects),
  );
  app.useGlobalPipes(new RequestPipe());
  app.useGlobalFilters(new ErrorFilter(streams, outages, app.get(AccessLog)));
};

const canBeSecure = (server: Server, { trustedProxies = [] }: Door): boolean =>
  server instanceof TlsServer || trustedProxies.length > 0;

const sayHsts = strictTransportSecurity();

/** Browsers are told to come by TLS only where they came so: elsewhere the header has no meaning. */
const demandTls = (request: Request, response: Response, next: NextFunction): void => {
  if (clientOf(request).isSecure) sayHsts(request, response, next);
  else next();
};

const cachePrivately = (_request: Request, response: Response, next: NextFunction): void => {
  response.setHeader('Cache-Control', 'private, no-cache');
  next();
};
