/** What commands and queries of executions need: definitions, artifacts, workers, and the read tables. */
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { ReadModel } from '../application/queries/read-model.js';
import { REVISION_WAIT_LIMITS, RevisionWaits, type RevisionWaitLimits } from '../application/queries/revision-waits.js';
import { ArtifactStore, CheckedArtifacts } from '../application/workflow/artifacts.js';
import { DamageReports } from '../application/workflow/damage-reports.js';
import { Definitions } from '../application/workflow/definitions.js';
import { DamagedHistories, Histories } from '../application/workflow/histories.js';
import { StartBacklog, type BacklogLimits } from '../application/workflow/start-backlog.js';
import { ExecutionEnds } from '../application/workflow/execution-ends.js';
import { DueExecutions, Workers } from '../application/workflow/workers.js';
import { Workflows } from '../application/workflow/workflows.js';
import type { Config } from '../infrastructure/config/config.js';
import { observeDamage, type PrometheusMetrics } from '../infrastructure/metrics/prometheus-metrics.js';
import {
  PostgresReadModel,
  PostgresWaitingExecutions,
} from '../infrastructure/postgres/queries/postgres-read-model.js';
import { readyUnlessAway } from '../infrastructure/postgres/session/pg-client.js';
import { PostgresDamagedHistories } from '../infrastructure/postgres/workflow/postgres-damaged-histories.js';
import { PostgresArtifactStore } from '../infrastructure/postgres/workflow/postgres-artifact-store.js';
import { PostgresDueExecutions, PostgresWorkers } from '../infrastructure/postgres/workflow/postgres-workers.js';
import { commandHandlers, queryHandlers } from './handlers.js';
import { type Dependencies, type Feature, logErrors, tellLog } from './feature.js';

export const workflows = (dependencies: Dependencies): Feature => {
  const { config, dataSource, log, clock, ids, definitions, metrics, outages } = dependencies;
  const damaged = new PostgresDamagedHistories(dataSource);
  const reports = new DamageReports(damaged, clock, tellLog('Executions'), logErrors('Executions', outages));
  observeDamage(metrics, () => damaged.count());
  const waiting = new PostgresWaitingExecutions(dataSource);
  return {
    providers: [
      { provide: Definitions, useValue: definitions },
      { provide: DamagedHistories, useValue: damaged },
      { provide: DamageReports, useValue: reports },
      { provide: Histories, useValue: new Histories(log, damaged, (error) => reports.found(error)) },
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
        useValue: new StartBacklog(waiting, clock, backlogLimits(config), logErrors('Starts', outages)),
      },
      {
        provide: ExecutionEnds,
        inject: [Workflows],
        useFactory: (workflows: Workflows) =>
          new ExecutionEnds({ log, clock, ids, workflows }, endLimits(config), logErrors('Ends', outages)),
      },
      { provide: DueExecutions, useValue: new PostgresDueExecutions(dataSource) },
      ...commandHandlers,
      ...queryHandlers,
    ],
    stop: (app) => app.get(ExecutionEnds).stop(),
  };
};

const checkedArtifacts = (dataSource: DataSource, metrics: PrometheusMetrics): ArtifactStore => {
  const logger = new Logger('Artifacts');
  return new CheckedArtifacts(readyUnlessAway(new PostgresArtifactStore(dataSource)), (damaged) => {
    metrics.damagedArtifact(damaged.kind);
    logger.error(damaged.message);
  });
};

const backlogLimits = (config: Config): BacklogLimits => ({
  waiting: config.maxWaitingExecutions,
  countEveryMs: 1_000,
  countWaitMs: 500,
  retryAfterSeconds: 5,
});

/** An execution that is waited for is one that waits, or few more. */
const endLimits = (config: Config) => ({ waiting: config.maxWaitingExecutions, retryAfterSeconds: 5 });

const revisionWaitLimits = (config: Config): RevisionWaitLimits => ({
  ...REVISION_WAIT_LIMITS,
  waiting: config.maxWaitingReads,
});
