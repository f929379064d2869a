/** Wires the saga, its watch, and what operators say of agents. */
import type { Provider } from '@nestjs/common';
import { AgentHolds, AgentHoldsWatch } from '../application/agents/agent-holds.js';
import { AuditReviews } from '../application/audit/reviews.js';
import { ArtifactStore } from '../application/workflow/artifacts.js';
import { Attempts } from '../application/saga/attempts.js';
import { Results } from '../application/saga/results.js';
import { SagaScheduler } from '../application/saga/saga-scheduler.js';
import { StepRunner } from '../application/saga/step-runner.js';
import { WorkflowSaga } from '../application/saga/workflow-saga.js';
import { DueExecutions, Workers } from '../application/workflow/workers.js';
import { Workflows } from '../application/workflow/workflows.js';
import { agentBoundsOf, attemptLimits, sagaLimits, stepLimits, watchLimits } from './limits.js';
import { tellLog } from './notices.js';
import type { Parts } from './parts.js';
import { logErrors } from './log-errors.js';

export const sagaProviders = (parts: Parts): Provider[] => {
  const { config, log, clock, ids, agents, worker } = parts;
  const source = { clock, ids };
  const onError = logErrors('Saga');
  const tell = tellLog('Agents');
  return [
    { provide: AgentHolds, useValue: new AgentHolds(log, clock, tellLog('Agents')) },
    { provide: AuditReviews, useValue: new AuditReviews(log, clock) },
    {
      provide: AgentHoldsWatch,
      inject: [AgentHolds],
      useFactory: (holds: AgentHolds) => new AgentHoldsWatch(holds, { log, agents, clock, ids }, logErrors('Holds')),
    },
    {
      provide: Workflows,
      useValue: new Workflows(log, clock, { cachedExecutions: config.foldCacheExecutions }, tellLog('Executions')),
    },
    {
      provide: WorkflowSaga,
      inject: [Workflows, ArtifactStore, AgentHolds],
      useFactory: (workflows: Workflows, artifacts: ArtifactStore, holds: AgentHolds) => {
        const steps = new StepRunner(agents, artifacts, clock, stepLimits(config));
        const attempts = new Attempts(workflows, steps, clock, source, attemptLimits, onError);
        const rules = { boundsOf: agentBoundsOf(config), mayCall: (agent: string) => holds.mayCall(agent), tell };
        const made = new WorkflowSaga(workflows, attempts, clock, source, worker, sagaLimits(config), onError, rules);
        holds.onChange(() => made.agentsChanged());
        return made;
      },
    },
    {
      provide: Results,
      inject: [ArtifactStore],
      useFactory: (artifacts: ArtifactStore) => new Results(artifacts, stepLimits(config)),
    },
    {
      provide: SagaScheduler,
      inject: [WorkflowSaga, Workers, DueExecutions],
      useFactory: (workflowSaga: WorkflowSaga, workers: Workers, due: DueExecutions) =>
        new SagaScheduler(workflowSaga, { log, workers, due, clock, ids }, worker, watchLimits(config), onError),
    },
  ];
};
