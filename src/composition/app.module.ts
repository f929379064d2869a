/** Wires the application: what implements each port, and how the saga is put together. */
import { Global, Logger, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { DataSource } from 'typeorm';
import { Agents } from '../application/agents/agents.js';
import { AuditTreeWriter } from '../application/audit/audit-tree-writer.js';
import { AuditPackMaker } from '../application/audit/pack/audit-pack-maker.js';
import { AuditPacks } from '../application/audit/pack/get-audit-pack.js';
import { ArtifactStore, CheckedArtifacts } from '../application/workflow/artifacts.js';
import { Clock } from '../application/runtime/clock.js';
import { commandHandlers } from '../application/commands/index.js';
import { Definitions } from '../application/workflow/definitions.js';
import { DocumentAgents } from '../application/agents/document-agents.js';
import { EventLog } from '../application/log/event-log.js';
import { Health } from '../application/runtime/metrics.js';
import { Ids } from '../application/log/ids.js';
import { ProjectionStore } from '../application/projections/projection-store.js';
import { ProjectionRunner } from '../application/projections/runner.js';
import { queryHandlers } from '../application/queries/index.js';
import { ReadModel } from '../application/queries/read-model.js';
import { RevisionWaits } from '../application/queries/revision-waits.js';
import { StartBacklog } from '../application/workflow/start-backlog.js';
import { TaskReports, TaskTokens } from '../application/workflow/tasks.js';
import { VitalSigns } from '../application/log/vital-signs.js';
import { DueExecutions, Workers } from '../application/workflow/workers.js';
import { AgentTaskReports } from '../infrastructure/agents/agent-task-reports.js';
import { ZipPackFormat } from '../infrastructure/audit/pack/zip-pack-format.js';
import { configurationModule } from '../infrastructure/config/configuration.js';
import { CheckedHealth } from '../infrastructure/metrics/checked-health.js';
import type { PrometheusMetrics } from '../infrastructure/metrics/prometheus-metrics.js';
import { readyUnlessAway } from '../infrastructure/postgres/session/pg-client.js';
import { PostgresArtifactStore } from '../infrastructure/postgres/workflow/postgres-artifact-store.js';
import { PostgresDueExecutions, PostgresWorkers } from '../infrastructure/postgres/workflow/postgres-workers.js';
import {
  PostgresReadModel,
  PostgresWaitingExecutions,
} from '../infrastructure/postgres/queries/postgres-read-model.js';
import { HttpModule } from '../interfaces/http/http.module.js';
import { OwnCalls } from '../interfaces/http/server/admission.js';
import { JsonReader, HttpLimits } from '../interfaces/http/server/json-body.js';
import { RequiredReasons } from '../interfaces/http/executions/required-reasons.js';
import { adminProviders } from './admin.js';
import { auditKeeper } from './audit.js';
import { LocalDocumentAgents } from './document-agents.js';
import { agentLimits, backlogLimits, httpLimits, revisionWaitLimits } from './limits.js';
import { liveProviders } from './live.js';
import { projectionAdmin } from './projection-admin.js';
import { webhookProviders } from './webhooks.js';
import type { Parts } from './parts.js';
import { sagaProviders } from './saga.js';
import { vitalProviders } from './vital-signs.js';

import { logErrors } from './log-errors.js';

@Global()
@Module({})
export class AppModule {
  static async register(parts: Parts): Promise<DynamicModule> {
    const providers = [
      ...given(parts),
      ...audit(parts),
      ...stores(parts),
      ...sagaProviders(parts),
      ...vitalProviders(parts),
      ...liveProviders(parts, logErrors('Live')),
      ...webhookProviders(parts, logErrors('Webhooks')),
      ...commandHandlers,
      ...queryHandlers,
    ];
    return {
      module: AppModule,
      imports: [await configurationModule(parts.config), CqrsModule.forRoot(), HttpModule],
      providers,
      exports: providers.filter((provider) => typeof provider === 'object').map(({ provide }) => provide),
    };
  }
}

const given = ({
  config,
  dataSource,
  log,
  clock,
  ids,
  definitions,
  agents,
  taskTokens,
  json,
  token,
  projectDirs,
}: Parts): Provider[] => [
  { provide: TaskTokens, useValue: taskTokens },
  { provide: TaskReports, useValue: new AgentTaskReports(clock, agentLimits(config)) },
  { provide: DataSource, useValue: dataSource },
  { provide: EventLog, useValue: log },
  { provide: Clock, useValue: clock },
  { provide: Ids, useValue: ids },
  { provide: Definitions, useValue: definitions },
  { provide: Agents, useValue: agents },
  {
    provide: DocumentAgents,
    useValue: new LocalDocumentAgents({
      projectsDir: config.projectsDir,
      otherDirs: projectDirs,
      now: () => clock.now(),
    }),
  },
  { provide: HttpLimits, useValue: httpLimits(config) },
  { provide: JsonReader, useValue: json },
  { provide: OwnCalls, useValue: token },
  { provide: RequiredReasons, useValue: new RequiredReasons(config.requireReason) },
];

const audit = ({ config, log, clock, ids, audit: parts }: Parts): Provider[] => [
  {
    provide: AuditTreeWriter,
    useValue: auditKeeper(config, { ...parts, log, clock, ids }, logErrors('Audit')),
  },
  {
    provide: AuditPacks,
    inject: [AuditTreeWriter, ArtifactStore],
    useFactory: (keeper: AuditTreeWriter, artifacts: ArtifactStore) =>
      new AuditPackMaker({ ...parts, log, clock, keeper, artifacts, format: new ZipPackFormat() }),
  },
];

const stores = ({ config, dataSource, log, clock, ids, metrics, stopping }: Parts): Provider[] => {
  const waiting = new PostgresWaitingExecutions(dataSource);
  const admin = projectionAdmin({ config, dataSource, log, clock, ids }, logErrors('Projections'));
  const { store, runner } = admin;
  return [
    ...adminProviders({ config, dataSource, log, clock, metrics }, admin, logErrors('Projections')),
    { provide: ProjectionStore, useValue: store },
    { provide: ProjectionRunner, useValue: runner },
    {
      provide: Health,
      inject: [VitalSigns],
      useFactory: (vitals: VitalSigns) =>
        new CheckedHealth({ dataSource, log, clock, vitals }, () => runner.status(), stopping),
    },
    { provide: ReadModel, useValue: readyUnlessAway(new PostgresReadModel(dataSource)) },
    {
      provide: RevisionWaits,
      inject: [ReadModel],
      useFactory: (readModel: ReadModel) => new RevisionWaits(readModel, clock, revisionWaitLimits(config)),
    },
    { provide: ArtifactStore, useValue: checkedArtifacts(dataSource, metrics) },
    { provide: Workers, useValue: new PostgresWorkers(dataSource, config.workerTimeoutMs) },
    {
      provide: StartBacklog,
      useValue: new StartBacklog(waiting, clock, backlogLimits(config), logErrors('Starts')),
    },
    { provide: DueExecutions, useValue: new PostgresDueExecutions(dataSource) },
  ];
};

const checkedArtifacts = (dataSource: DataSource, metrics: PrometheusMetrics): ArtifactStore => {
  const logger = new Logger('Artifacts');
  return new CheckedArtifacts(readyUnlessAway(new PostgresArtifactStore(dataSource)), (damaged) => {
    metrics.damagedArtifact(damaged.kind);
    logger.error(damaged.message);
  });
};
