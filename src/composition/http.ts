/** The API over HTTP: who may call it, how much it takes, where it listens. */
import { isIP, type AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import type { Config } from '../infrastructure/config/config.js';
import { openFilesLimit } from '../infrastructure/system/open-files.js';
import { OwnCalls } from '../interfaces/http/server/admission.js';
import { RequiredReasons } from '../interfaces/http/executions/commands.controller.js';
import { configureHttp, type Door } from '../interfaces/http/configure-http.js';
import { Connections } from '../interfaces/http/server/connections.js';
import { drain } from '../interfaces/http/server/drain.js';
import { defaultHttpLimits, HttpLimits } from '../interfaces/http/server/json-body.js';
import { measureRequests } from '../interfaces/http/server/access-log.js';
import { knownHosts, type HostCheck, knownOrigins, type OriginCheck } from '../interfaces/known-origins.js';
import type { Application, Dependencies, Feature } from './feature.js';
import { streamBounds } from './live.js';

export const http = ({ config, token, tls }: Dependencies): Feature => ({
  providers: [
    { provide: HttpLimits, useValue: httpLimits(config) },
    { provide: OwnCalls, useValue: token },
    { provide: RequiredReasons, useValue: new RequiredReasons(config.requireReason) },
  ],
  // Until here requests are answered as always, but for their `Connection: close`.
  stop: async (app) => {
    await Promise.all([drain(app.getHttpServer()), tls?.stop()]);
    await app.close();
  },
});

/** Where an instance answers: as it is bound, as this machine reaches it, and as it reaches itself. */
type Addresses = Readonly<{ bound: string; url: string; ownUrl: string }>;

export const serve = async (app: Application, dependencies: Dependencies): Promise<Addresses> => {
  const { config, metrics, stopping, door, outages, tls } = dependencies;
  app.use(measureRequests(metrics));
  configureHttp(app, httpLimits(config), stopping, { ...door, outages: outages.all });
  await listen(app, config);
  const address = app.getHttpServer().address() as AddressInfo;
  if (!tls) return { bound: boundUrl(address), url: ownUrl(address), ownUrl: ownUrl(address) };
  const own = await tls.start(app, door.connections);
  return { bound: boundUrl(address, 'https'), url: ownUrl(address, 'https'), ownUrl: ownUrl(own) };
};

const listen = async (app: Application, { port, host }: Config): Promise<void> => {
  try {
    await app.listen(port, host);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(`PORT: expected a free port, but something listens on ${host}:${port}. End it, or set PORT`, {
      cause: error,
    });
  }
};

const httpLimits = (config: Config): HttpLimits => ({
  ...defaultHttpLimits,
  bodyBytes: config.bodyLimitBytes,
  metadataBytes: config.metadataLimitBytes,
  agentBodyBytes: config.agentMaxRequestBytes,
  taskBodyBytes: config.agentMaxResponseBytes,
  bodyMembers: config.bodyLimitMembers,
  agentBodyMembers: config.agentMaxRequestMembers,
  taskBodyMembers: config.agentMaxResponseMembers,
});

export const doorOf = (config: Config): Door => ({
  isKnownHost: hostCheck(config),
  isKnownOrigin: originCheck(config),
  isOwnOrigin: originCheck({ ...config, allowedOrigins: [] }),
  publicPath: config.publicUrl === undefined ? '' : new URL(config.publicUrl).pathname.replace(/\/$/, ''),
  connections: connections(config),
  trustedProxies: config.trustedProxy,
  access: config.accessLog,
  showsClients: config.auth !== 'local',
  streams: streamBounds(config),
});

/** Loopback names, the address of HOST unless it stands for all, the host of PUBLIC_URL, and ALLOWED_HOSTS. */
export const hostCheck = ({ host, publicUrl, allowedHosts }: Config): HostCheck =>
  knownHosts([
    ...(isEveryAddress(host) ? [] : [hostnameOf(host)]),
    ...(publicUrl === undefined ? [] : [new URL(publicUrl).hostname]),
    ...allowedHosts,
  ]);

export const originCheck = ({ publicUrl, allowedOrigins }: Config): OriginCheck =>
  knownOrigins([...(publicUrl === undefined ? [] : [new URL(publicUrl).origin]), ...allowedOrigins]);

const hostnameOf = (host: string): string => new URL(`http://${isIP(host) === 6 ? `[${host}]` : host}`).hostname;

/** What a process that has started holds besides connections: files, pipes, threads, the embedded servers. */
const FILES_OF_ITS_OWN = 256;

/** @returns how many connections there may be, and the warning to log where that is less than the setting */
export const connectionRoom = (
  config: Config,
  files = openFilesLimit(),
): Readonly<{ open: number; warning: string | undefined }> => {
  const { maxConnections: wanted } = config;
  const kept = FILES_OF_ITS_OWN + outgoing(config);
  if (files === undefined || files >= wanted + kept) return { open: wanted, warning: undefined };
  const open = Math.max(1, files - kept);
  const warning =
    `File descriptors: expected a limit of at least ${wanted + kept} open files for MAX_CONNECTIONS=${wanted}, got ${files}, ` +
    `which is enough for ${open} connections: that is the limit now. Raise it with \`ulimit -n\`, or lower MAX_CONNECTIONS`;
  return { open, warning };
};

/** Connections to agents, receivers and the database: three things of a process have connections of their own to it. */
const outgoing = (config: Config): number =>
  config.sagaMaxConcurrentSteps + config.webhookMaxConcurrentDeliveries + 3 * config.databasePoolSize;

const connections = (config: Config): Connections => {
  const logger = new Logger('Connections');
  const { open, warning } = connectionRoom(config);
  if (warning !== undefined) logger.warn(warning);
  const limits = { open, headersMs: config.headersTimeoutMs, requestMs: config.requestTimeoutMs };
  return new Connections(limits, (line) => logger.warn(line));
};

const EVERY_ADDRESS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };

type Scheme = 'http' | 'https';

const urlOf = (scheme: Scheme, host: string, port: number): string => `${scheme}://${host}:${port}`;
const inUrl = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** The address as it is bound. */
const boundUrl = ({ address, port }: AddressInfo, scheme: Scheme = 'http'): string =>
  urlOf(scheme, inUrl(address), port);

/** The address at which this machine reaches it: no client can connect to "every address". */
export const ownUrl = ({ address, port }: Pick<AddressInfo, 'address' | 'port'>, scheme: Scheme = 'http'): string =>
  urlOf(scheme, EVERY_ADDRESS[address] ?? inUrl(address), port);

const isEveryAddress = (address: string): boolean => address in EVERY_ADDRESS;
