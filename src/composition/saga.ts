/** The saga, its scheduler, and what operators say of agents. */
import path from 'node:path';
import { AgentHolds, AgentHoldsWatch } from '../application/agents/agent-holds.js';
import { ArtifactStore } from '../application/workflow/artifacts.js';
import { projections as readTables } from '../application/projections/index.js';
import { followed, lowestPosition, ProjectionStore } from '../application/projections/projection-store.js';
import type { AgentBounds } from '../application/agents/agent-queue.js';
import { AnswerRecorder } from '../application/saga/answer-recorder.js';
import { AttemptRunner } from '../application/saga/attempt-runner.js';
import { DamageWatch } from '../application/saga/damage-watch.js';
import { KeptAnswers, type KeptAnswersLimits } from '../application/saga/kept-answers.js';
import { Results, type StepLimits } from '../application/saga/results.js';
import { SagaScheduler, type WatchLimits } from '../application/saga/saga-scheduler.js';
import { WorkflowSaga, type SagaLimits } from '../application/saga/workflow-saga.js';
import { DamageReports } from '../application/workflow/damage-reports.js';
import { HeldBackExecutions } from '../application/workflow/held-back.js';
import { DamagedHistories, Histories } from '../application/workflow/histories.js';
import { DueExecutions, Workers } from '../application/workflow/workers.js';
import { Workflows } from '../application/workflow/workflows.js';
import { AnswerDirectory } from '../infrastructure/agents/answer-directory.js';
import { variableName } from '../infrastructure/agents/agent-urls.js';
import type { Config } from '../infrastructure/config/config.js';
import { observeHeldBack } from '../infrastructure/metrics/prometheus-metrics.js';
import { type Application, type Dependencies, type Feature, logErrors, tellLog } from './feature.js';

export const saga = ({ config, clock, ids, agents, worker, log, metrics, outages }: Dependencies): Feature => {
  const onError = logErrors('Saga', outages);
  const heldBack = new HeldBackExecutions();
  observeHeldBack(metrics, () => heldBack.size);
  const tell = tellLog('Agents');
  return {
    providers: [
      {
        provide: Workflows,
        inject: [Histories],
        useFactory: (histories: Histories) =>
          new Workflows(log, clock, workflowLimits(config), tellLog('Executions'), histories),
      },
      {
        provide: WorkflowSaga,
        inject: [Workflows, ArtifactStore, AgentHolds, Results],
        useFactory: (workflows: Workflows, artifacts: ArtifactStore, holds: AgentHolds, results: Results) => {
          const files = new AnswerDirectory(path.join(config.dataDir, 'answers'));
          const kept = new KeptAnswers(files, keptAnswersLimits(config), clock, tellLog('Saga'), onError);
          const recorder = new AnswerRecorder({ workflows, results, kept, clock, onError });
          const dependencies = { workflows, agents, artifacts, recorder, kept, heldBack, clock, ids, onError };
          const attempts = new AttemptRunner(dependencies);
          const rules = { boundsOf: agentBoundsOf(config), mayCall: (agent: string) => holds.mayCall(agent), tell };
          const made = new WorkflowSaga({ ...dependencies, attempts }, worker, sagaLimits(config), rules);
          holds.onChange(() => made.agentsChanged());
          return made;
        },
      },
      { provide: HeldBackExecutions, useValue: heldBack },
      {
        provide: Results,
        inject: [ArtifactStore],
        useFactory: (artifacts: ArtifactStore) => new Results(artifacts, stepLimits(config)),
      },
    ],
    start: (app) => app.get(WorkflowSaga).begin(),
    // It begins no new step; calls of agents have their time to end.
    stop: (app) => app.get(WorkflowSaga).stop(config.shutdownGraceMs),
  };
};

/** Wakes the saga: by events, by time, and when an operator holds or releases an agent. */
export const sagaScheduler = ({ config, log, clock, ids, agents, worker, outages }: Dependencies): Feature => ({
  providers: [
    { provide: AgentHolds, useValue: new AgentHolds(log, clock, tellLog('Agents')) },
    {
      provide: AgentHoldsWatch,
      inject: [AgentHolds],
      useFactory: (holds: AgentHolds) =>
        new AgentHoldsWatch(holds, { log, agents, clock, ids }, logErrors('Holds', outages)),
    },
    {
      provide: SagaScheduler,
      inject: [WorkflowSaga, Workers, DueExecutions],
      useFactory: (workflowSaga: WorkflowSaga, workers: Workers, due: DueExecutions) =>
        new SagaScheduler(
          workflowSaga,
          { log, workers, due, clock, ids },
          worker,
          watchLimits(config),
          logErrors('Saga', outages),
        ),
    },
    {
      provide: DamageWatch,
      inject: [WorkflowSaga, Workflows, DamagedHistories, DamageReports],
      useFactory: (
        workflowSaga: WorkflowSaga,
        workflows: Workflows,
        damaged: DamagedHistories,
        reports: DamageReports,
      ) =>
        new DamageWatch(
          { log, clock, ids, workflows, damaged, reports, saga: workflowSaga },
          logErrors('Saga', outages),
        ),
    },
  ],
  start: async (app) => {
    const after = await positionOfAllTables(app);
    await app.get(AgentHoldsWatch).start(after);
    app.get(DamageWatch).start(after);
    app.get(SagaScheduler).start(after);
  },
  stop: async (app) => {
    await Promise.all([app.get(SagaScheduler).stop(), app.get(DamageWatch).stop()]);
    await app.get(AgentHoldsWatch).stop();
  },
});

/** Up to there the read tables, of which the scheduler sweeps, hold the log. */
const positionOfAllTables = async (app: Application) => {
  const checkpoints = await app.get(ProjectionStore).checkpoints();
  return lowestPosition(checkpoints, followed(checkpoints, readTables));
};

const workflowLimits = (config: Config) => ({
  cachedExecutions: config.foldCacheExecutions,
  orderMs: config.orderTimeoutMs,
});

const sagaLimits = (config: Config): SagaLimits => ({
  concurrentSteps: config.sagaMaxConcurrentSteps,
  remembered: 10_000,
  errorPauseMs: 5_000,
  answersFirstMs: 10_000,
});

const stepLimits = (config: Config): StepLimits => ({
  inlineOutputBytes: config.inlineOutputBytes,
  maxAppendBytes: config.eventstoreMaxAppendBytes,
});

const keptAnswersLimits = (config: Config): KeptAnswersLimits => ({
  memoryBytes: config.keptAnswersMemoryBytes,
  diskBytes: config.keptAnswersDiskBytes,
  keepMs: config.keptAnswersHours * 3_600_000,
});

const watchLimits = (config: Config): WatchLimits => ({
  heartbeatMs: config.workerHeartbeatMs,
  sweepMs: config.sagaSweepIntervalMs,
  sweepBatch: config.sagaSweepBatch,
  sweepParallel: 16,
});

/** @returns what bounds the agent of that name: its own variables, or those of all */
export const agentBoundsOf =
  (config: Config) =>
  (agent: string): AgentBounds => {
    const own = config.agentBounds[variableName(agent)] ?? {};
    return {
      concurrentCalls: own.MAX_CONCURRENT_CALLS ?? config.agentMaxConcurrentCalls,
      rate: {
        calls: own.RATE_CALLS ?? config.agentRateCalls,
        windowMs: own.RATE_WINDOW_MS ?? config.agentRateWindowMs,
      },
      circuit: {
        consecutiveFailures: own.CIRCUIT_FAILURES ?? config.agentCircuitFailures,
        failurePercent: own.CIRCUIT_FAILURE_PERCENT ?? config.agentCircuitFailurePercent,
        minimumCalls: own.CIRCUIT_MIN_CALLS ?? config.agentCircuitMinCalls,
        windowMs: own.CIRCUIT_WINDOW_MS ?? config.agentCircuitWindowMs,
        coolDownMs: own.CIRCUIT_COOL_DOWN_MS ?? config.agentCircuitCoolDownMs,
      },
    };
  };
