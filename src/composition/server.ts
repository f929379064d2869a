/** One instance of the application: how it starts, and how it stops. */
import { hostname } from 'node:os';
import { Logger, type LogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Clock } from '../application/runtime/clock.js';
import type { Ids } from '../application/log/ids.js';
import { loadAgentsModule } from '../infrastructure/agents/agents-module.js';
import { registeredAgents } from '../infrastructure/agents/registry.js';
import { HmacTaskTokens } from '../infrastructure/agents/agent-task-reports.js';
import type { Config } from '../infrastructure/config/config.js';
import { loadDefinitions } from '../infrastructure/definitions/load-definitions.js';
import { installationSecret } from '../infrastructure/postgres/data-source.js';
import { SystemClock, SystemIds } from '../infrastructure/system/clock-and-ids.js';
import { PrometheusMetrics } from '../infrastructure/metrics/prometheus-metrics.js';
import { agentCredentials, agentLimits, agentWarnings, installationToken, reachAgents } from './agents.js';
import { AppModule, featuresOf } from './app.module.js';
import { openAudit, pinIt } from './audit.js';
import { type Dependencies, type Feature, ApplicationLogger, logErrors, tellLog } from './feature.js';
import { guardedLog } from './guarded-log.js';
import { doorOf, serve } from './http.js';
import { jsonThreadLimits, JsonThreads } from './json.js';
import { requestLimits } from './limits.js';
import { NativeTls } from './native-tls.js';
import { outageLogs } from './outages.js';
import { startPlatform, type Platform } from './platform.js';
import { LogWatch } from '../application/log/log-watch.js';
import { WriteProbe } from '../application/log/write-probe.js';

export { readConfig } from '../infrastructure/config/configuration.js';
export type { Config };

export type Server = Readonly<{
  /** Where the API is, without a slash at the end. */
  url: string;
  app: NestExpressApplication;
  /** The fingerprint of the key that signs the history here. */
  signingKey: string;
  /** Takes no new work, waits for what is under way (`SHUTDOWN_GRACE_MS`), hands over the rest, closes everything. */
  stop: () => Promise<void>;
}>;

export type StartOptions = Partial<
  Readonly<{
    clock: Clock;
    ids: Ids;
    /** Folders of projects, by id, whose file is not in `PROJECTS_DIR`. */
    projectDirs: ReadonlyMap<string, string>;
    /** Ends the start while it waits for the database or the log; it is thrown then. */
    signal: AbortSignal;
  }>
>;

const LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'];

export const startServer = async (
  config: Config,
  { clock = new SystemClock(), ids = new SystemIds(), projectDirs = new Map(), signal }: StartOptions = {},
): Promise<Server> => {
  const logger = new ApplicationLogger({
    json: !process.stdout.isTTY,
    logLevels: LEVELS.slice(0, LEVELS.indexOf(config.logLevel) + 1),
  });
  Logger.overrideLogger(logger);
  // What is wrong with the files that users write is logged before anything is started.
  const tls = NativeTls.of(config);
  const definitions = await loadDefinitions(config.definitionsDir);
  if (config.agentsModule) await loadAgentsModule(config.agentsModule);
  for (const line of agentWarnings(config, definitions, registeredAgents().keys())) logger.warn(line, 'Agents');

  const outages = outageLogs(clock, tellLog('Outage'));
  const platform = await startPlatform(config, {
    tell: (line) => logger.debug(line, 'Platform'),
    warn: (line) => logger.warn(line, 'Platform'),
    notice: (line) => logger.log(line, 'EventNode'),
    alsoTry: (log) => new WriteProbe(log, ids).write(),
    onError: logErrors('EventLog', outages),
    signal,
  });
  let app: NestExpressApplication | undefined;
  try {
    let url = '';
    const stopping = new AbortController();
    const own = { clock, ids, definitions, projectDirs, outages, tls, stopping: stopping.signal };
    const dependencies = await dependenciesOf(config, platform, own, () => url);
    const features = featuresOf(dependencies);
    const module = await AppModule.register(config, features);
    const options = { logger, bodyParser: false, abortOnError: false, ...(tls && { httpsOptions: tls.options }) };
    app = await NestFactory.create<NestExpressApplication>(module, options);
    const addresses = await serve(app, dependencies);
    url = addresses.ownUrl;
    for (const { listen } of features) await listen?.(app);
    for (const { start } of features) await start?.(app);
    logger.log(`The API is at ${addresses.bound}`, 'Server');
    return {
      url: addresses.url,
      app,
      signingKey: dependencies.audit.signer.keyId,
      stop: stopOnce(app, features, config, stopping),
    };
  } catch (error) {
    await tls?.stop();
    await app?.close();
    await platform.close();
    throw error;
  }
};

/** A subscription that is lost is open again by then, where nothing but a connection was lost. */
const GRACE_MS = 5_000;

type Own = Pick<Dependencies, 'clock' | 'ids' | 'definitions' | 'projectDirs' | 'outages' | 'tls' | 'stopping'>;

/** @param ownUrl asked at each call: our own address is known late */
const dependenciesOf = async (
  config: Config,
  platform: Platform,
  own: Own,
  ownUrl: () => string,
): Promise<Dependencies> => {
  const { clock, ids, definitions } = own;
  const { dataSource, diagnosis, close: closePlatform } = platform;
  const logWatch = new LogWatch(clock, diagnosis.faultOf, { forgetMs: config.healthStalledMs, graceMs: GRACE_MS });
  const guarded = guardedLog(platform, clock, ids, tellLog('EventLog'), logWatch);
  const { logIdentity } = guarded;
  // Another log, or one that does not answer, is found at the first use as well; an operator should read of it first.
  await logIdentity.check().catch(() => undefined);
  const taskTokens = new HmacTaskTokens(await installationSecret(dataSource, 'task-tokens'));
  const credentials = await agentCredentials(config, clock);
  const agentSecrets = () => credentials.secrets();
  const json = new JsonThreads(jsonThreadLimits(config), agentLimits(config), () => clock.now(), agentSecrets);
  const token = await installationToken(config, dataSource, ownUrl);
  const metrics = new PrometheusMetrics();
  const calling = { readAnswer: json.readAnswer, token, credentials, metrics };
  const agents = reachAgents(config, definitions, clock, taskTokens, ownUrl, calling);
  const worker = `${hostname()}:${process.pid}:${ids.uuid().slice(0, 8)}`;
  const audit = await openAudit(config, dataSource);
  if (audit.pins.size === 0) new Logger('Audit').log(pinIt(audit.signer.keyId));
  const limits = requestLimits(config, clock, dataSource, (given) => token.holds(given));
  const door = { ...doorOf(config), limits };
  const sessionKey = config.auth === 'oidc' ? await installationSecret(dataSource, 'sessions') : null;
  const made = { taskTokens, sessionKey, json, token, metrics, agents, agentSecrets, worker, audit, door };
  const logs = { ...guarded, logWatch, diagnosis };
  return { ...own, ...made, ...logs, config, dataSource, closePlatform };
};

/** Each feature outlives those that need it. A second call waits for the first. */
const stopOnce = (
  app: NestExpressApplication,
  features: readonly Feature[],
  { shutdownGraceMs }: Config,
  stopping: AbortController,
): (() => Promise<void>) => {
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    const logger = new Logger('Server');
    logger.log(`This instance ends: it begins no new work, calls of agents have ${shutdownGraceMs} ms`);
    stopping.abort();
    for (const feature of features.toReversed()) await feature.stop?.(app);
    logger.log('This instance has ended');
  };
  return () => (stopped ??= stop());
};
