import type { DataSource } from 'typeorm';
import type { Agents } from '../application/agents/agents.js';
import type { Clock } from '../application/runtime/clock.js';
import type { Definitions } from '../application/workflow/definitions.js';
import type { EventLog } from '../application/log/event-log.js';
import type { Ids } from '../application/log/ids.js';
import type { TaskTokens } from '../application/workflow/tasks.js';
import type { Config } from '../infrastructure/config/config.js';
import type { PrometheusMetrics } from '../infrastructure/metrics/prometheus-metrics.js';
import type { OwnCalls } from '../interfaces/http/server/admission.js';
import type { JsonReader } from '../interfaces/http/server/json-body.js';
import type { AuditParts } from './audit.js';

/** What is made before the module: things that need awaiting, and those that a test replaces. */
export type Parts = Readonly<{
  config: Config;
  dataSource: DataSource;
  log: EventLog;
  clock: Clock;
  ids: Ids;
  definitions: Definitions;
  /** Folders of projects, by id, whose file is not in `PROJECTS_DIR`. */
  projectDirs: ReadonlyMap<string, string>;
  agents: Agents;
  taskTokens: TaskTokens;
  json: JsonReader;
  /** By which this installation's calls of its own agents are known. */
  token: OwnCalls;
  audit: AuditParts;
  metrics: PrometheusMetrics;
  /** The name of this instance in events and heartbeats. */
  worker: string;
  /** Aborted as soon as the instance takes no new work. */
  stopping: AbortSignal;
}>;
