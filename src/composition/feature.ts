/** What a feature of an instance is, and what features are made of. */
import { type Provider, ConsoleLogger, Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { DataSource } from 'typeorm';
import type { Agents } from '../application/agents/agents.js';
import type { AuditTree } from '../application/audit/audit-tree.js';
import type { OutsideTreeHeads, TreeHeadSigner } from '../application/audit/signed-tree-head.js';
import type { Clock } from '../application/runtime/clock.js';
import type { Definitions } from '../application/workflow/definitions.js';
import { type EventLog, LogMismatch } from '../application/log/event-log.js';
import type { GuardedEventLog } from '../application/log/guarded.event-log.js';
import type { LogWatch } from '../application/log/log-watch.js';
import type { Ids } from '../application/log/ids.js';
import type { LogIdentity } from '../application/log/log-identity.js';
import type { TaskTokens } from '../application/workflow/tasks.js';
import type { Config } from '../infrastructure/config/config.js';
import type { LogDiagnosis } from '../infrastructure/eventstore/log-diagnosis.js';
import type { PrometheusMetrics } from '../infrastructure/metrics/prometheus-metrics.js';
import type { OwnCalls } from '../interfaces/http/server/admission.js';
import type { Door } from '../interfaces/http/configure-http.js';
import type { JsonReader } from '../interfaces/http/server/json-body.js';
import type { Notify, OnError } from '../application/runtime/errors.js';
import type { NativeTls } from './native-tls.js';
import type { OutageLogs } from './outages.js';

export type Application = NestExpressApplication;

/** What an instance does: `app.module.ts` lists all features in the order of their needs. */
export type Feature = Readonly<{
  /** Anything in the application can inject these. */
  providers?: readonly Provider[];
  /** Connects clients with what they follow. Features listen one after the other, before any feature starts. */
  listen?: (app: Application) => Promise<void> | void;
  /** Starts the loops. Features start one after the other, in the order of the list. */
  start?: (app: Application) => Promise<void> | void;
  /** Features stop one after the other, in the reverse order: each outlives those that need it. */
  stop?: (app: Application) => Promise<void>;
}>;

type Closable = Readonly<{ close: () => Promise<void> }>;

export type AuditDependencies = Readonly<{
  tree: AuditTree;
  signer: TreeHeadSigner;
  pins: ReadonlySet<string>;
  outside: OutsideTreeHeads;
}>;

/** What is made before the module: things that need awaiting, and those that a test replaces. */
export type Dependencies = Readonly<{
  config: Config;
  dataSource: DataSource;
  /** Guarded: it is the one that the tables were made of. */
  log: GuardedEventLog;
  /** The same without the guard: for what finds out whether it can be written and read at all. */
  unguardedLog: EventLog;
  logIdentity: LogIdentity;
  /** What followers and writers of this instance know of the log. */
  logWatch: LogWatch;
  /** Why the log cannot be used. */
  diagnosis: LogDiagnosis;
  closePlatform: () => Promise<void>;
  clock: Clock;
  ids: Ids;
  definitions: Definitions;
  /** Folders of projects, by id, whose file is not in `PROJECTS_DIR`. */
  projectDirs: ReadonlyMap<string, string>;
  agents: Agents & Closable;
  /** What no report of an agent may bring into a history: it changes while we run. */
  agentSecrets: () => readonly string[];
  taskTokens: TaskTokens;
  json: JsonReader & Closable;
  /** Of sessions and sign-ins, the same for all instances; null where nobody signs in. */
  sessionKey: Uint8Array | null;
  /** By which this installation's calls of its own agents are known. */
  token: OwnCalls;
  audit: AuditDependencies;
  metrics: PrometheusMetrics;
  outages: OutageLogs;
  /** The same for requests and live updates. */
  door: Door;
  /** Undefined where the application serves no TLS itself. */
  tls: NativeTls | undefined;
  /** The name of this instance in events and heartbeats. */
  worker: string;
  /** Aborted as soon as the instance takes no new work. */
  stopping: AbortSignal;
}>;

/** How an instance writes its log. */

/** What the framework logs at each start of each route and module: nothing that an operator could act on. */
const OF_THE_FRAMEWORK: ReadonlySet<unknown> = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** Writes messages of the framework at the level of details. */
export class ApplicationLogger extends ConsoleLogger {
  override log(message: unknown, ...rest: unknown[]): void {
    if (OF_THE_FRAMEWORK.has(rest.at(-1))) super.verbose(message, ...(rest as [string]));
    else super.log(message, ...(rest as [string]));
  }
}

/** Writes errors after which the caller continues to the log of that context. Those of an outage are counted: no stack is worth a look. */
export const logErrors = (context: string, { all }: OutageLogs): OnError => {
  const logger = new Logger(context);
  return (message, error) => {
    // One line says so for the whole instance.
    if (error instanceof LogMismatch) return;
    if (all.take(context, message, error)) return;
    logger.error(message, error instanceof Error ? error.stack : String(error));
  };
};

/** Writes notices to the log of that context. */
export const tellLog = (context: string): Notify => {
  const logger = new Logger(context);
  return (level, line) => logger[level](line);
};
