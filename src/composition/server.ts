/** One instance of the application, from its settings to its last breath. */
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { Logger, type LogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AgentHoldsWatch } from '../application/agents/agent-holds.js';
import { AuditTreeWriter } from '../application/audit/audit-tree-writer.js';
import type { Clock } from '../application/runtime/clock.js';
import type { Ids } from '../application/log/ids.js';
import { projections as readTables } from '../application/projections/index.js';
import { followed, lowestPosition, ProjectionStore } from '../application/projections/projection-store.js';
import { ProjectionRunner } from '../application/projections/runner.js';
import { SagaScheduler } from '../application/saga/saga-scheduler.js';
import { WorkflowSaga } from '../application/saga/workflow-saga.js';
import { VitalSigns } from '../application/log/vital-signs.js';
import { loadAgentsModule } from '../infrastructure/agents/agents-module.js';
import { registeredAgents } from '../infrastructure/agents/registry.js';
import { HmacTaskTokens } from '../infrastructure/agents/agent-task-reports.js';
import type { Config } from '../infrastructure/config/config.js';
import { loadDefinitions } from '../infrastructure/definitions/load-definitions.js';
import { installationSecret } from '../infrastructure/postgres/installation-secret.js';
import { SystemClock, SystemIds } from '../infrastructure/system/clock-and-ids.js';
import { MeteredAgents } from '../infrastructure/metrics/metered-agents.js';
import { PrometheusMetrics } from '../infrastructure/metrics/prometheus-metrics.js';
import { configureHttp } from '../interfaces/http/configure-http.js';
import { drain } from '../interfaces/http/server/drain.js';
import { measureRequests } from '../interfaces/http/server/access-log.js';
import type { RealtimeServer } from '../interfaces/realtime/realtime-server.js';
import { AdminLoops } from './admin.js';
import { agentWarnings } from './agent-warnings.js';
import { reachAgents } from './agents.js';
import { AppModule } from './app.module.js';
import { ApplicationLogger } from './application-logger.js';
import { openAudit, pinIt } from './audit.js';
import { connections } from './connections.js';
import { doorOf } from './hosts.js';
import { installationToken } from './installation.js';
import { JsonThreads } from './json.js';
import { agentLimits, httpLimits, jsonThreadLimits, streamBounds } from './limits.js';
import { LiveLoops } from './live.js';
import { boundUrl, ownUrl } from './listening.js';
import { startPlatform } from './platform.js';
import { realtimeServer } from './realtime.js';
import { WebhookLoops } from './webhooks.js';

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
  // What is wrong with the files that users write is told before anything is started.
  const definitions = await loadDefinitions(config.definitionsDir);
  if (config.agentsModule) await loadAgentsModule(config.agentsModule);
  for (const line of agentWarnings(config, definitions, registeredAgents().keys())) logger.warn(line, 'Agents');

  const platform = await startPlatform(config, {
    tell: (line) => logger.debug(line, 'Platform'),
    warn: (line) => logger.warn(line, 'Platform'),
    notice: (line) => logger.log(line, 'EventNode'),
    signal,
  });
  let app: NestExpressApplication | undefined;
  try {
    let url = '';
    const taskTokens = new HmacTaskTokens(await installationSecret(platform.dataSource, 'task-tokens'));
    const json = new JsonThreads(jsonThreadLimits(config), agentLimits(config), () => clock.now());
    const token = await installationToken(config, platform.dataSource, () => url);
    const reading = { readAnswer: json.readAnswer, token };
    const agents = reachAgents(config, definitions, clock, taskTokens, () => url, reading);
    const worker = `${hostname()}:${process.pid}:${ids.uuid().slice(0, 8)}`;
    const stopping = new AbortController();
    const own = { worker, stopping: stopping.signal };
    const audit = await openAudit(config, platform.dataSource);
    if (audit.pins.size === 0) logger.log(pinIt(audit.signer.keyId), 'Audit');
    const metrics = new PrometheusMetrics();
    const metered = new MeteredAgents(agents, (name, outcome) => metrics.agentCall(name, outcome));
    const means = { audit, metrics, definitions, projectDirs, agents: metered, taskTokens, json, token };
    const parts = { config, ...platform, clock, ids, ...means, ...own };
    const module = await AppModule.register(parts);
    app = await NestFactory.create<NestExpressApplication>(module, { logger, bodyParser: false, abortOnError: false });
    app.use(measureRequests(metrics));
    const said = { access: config.accessLog, streams: streamBounds(config) };
    const door = { ...doorOf(config), connections: connections(config), ...said };
    configureHttp(app, httpLimits(config), stopping.signal, door);
    await listen(app, config);
    const bound = app.getHttpServer().address() as AddressInfo;
    url = ownUrl(bound);
    const realtime = realtimeServer(app, config, door);
    const closing = { close: () => json.close().then(platform.close) };
    const server = run(app, closing, agents.close, realtime, config, stopping);
    await server.begin();
    logger.log(`The API is at ${boundUrl(bound)}`, 'Server');
    return { url, app, signingKey: audit.signer.keyId, stop: server.stop };
  } catch (error) {
    await app?.close();
    await platform.close();
    throw error;
  }
};

const listen = async (app: NestExpressApplication, { port, host }: Config): Promise<void> => {
  try {
    await app.listen(port, host);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(`PORT: expected a free port, but something listens on ${host}:${port}. End it, or set PORT`, {
      cause: error,
    });
  }
};

/** The loops of an instance, and the order in which it ends: each part outlives those that need it. */
const run = (
  app: NestExpressApplication,
  platform: Readonly<{ close: () => Promise<void> }>,
  closeAgents: () => Promise<void>,
  realtime: RealtimeServer,
  config: Config,
  stopping: AbortController,
) => {
  const [saga, watch, projections] = [app.get(WorkflowSaga), app.get(SagaScheduler), app.get(ProjectionRunner)];
  const [holds, admin, audit] = [app.get(AgentHoldsWatch), app.get(AdminLoops), app.get(AuditTreeWriter)];
  const [live, webhooks, vitals] = [app.get(LiveLoops), app.get(WebhookLoops), app.get(VitalSigns)];
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    const logger = new Logger('Server');
    logger.log(`This instance ends: it begins no new work, calls of agents have ${config.shutdownGraceMs} ms`);
    stopping.abort();
    await saga.stop(config.shutdownGraceMs);
    await vitals.stop();
    await watch.stop();
    await holds.stop();
    await closeAgents();
    await realtime.stop();
    // Until here requests are answered as always, but for their `Connection: close`.
    await drain(app.getHttpServer());
    await app.close();
    await live.stop();
    await webhooks.stop();
    await admin.stop();
    await projections.stop();
    await audit.stop();
    await platform.close();
    logger.log('This instance has ended');
  };
  return {
    begin: async () => {
      await live.start();
      realtime.start(app.getHttpServer());
      projections.start();
      webhooks.start();
      admin.start();
      audit.start();
      const checkpoints = await app.get(ProjectionStore).checkpoints();
      const after = lowestPosition(checkpoints, followed(checkpoints, readTables));
      await holds.start(after);
      watch.start(after);
      vitals.start();
    },
    stop: () => (stopped ??= stop()),
  };
};
