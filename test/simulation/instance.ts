/** One instance of the application: what `composition` wires in production, over this world's ports. */
import { AgentHolds, AgentHoldsWatch } from '../../src/application/agents/agent-holds.js';
import { ControlWorkflowHandler, HoldAgentHandler } from '../../src/application/commands/control-workflow.js';
import { ReportTaskHandler } from '../../src/application/commands/report-task.js';
import { StartWorkflowHandler } from '../../src/application/commands/start-workflow.js';
import type { Definitions } from '../../src/application/workflow/definitions.js';
import { projections } from '../../src/application/projections/index.js';
import { lowestPosition } from '../../src/application/projections/projection-store.js';
import { DEFAULT_RUNNER_LIMITS, ProjectionRunner } from '../../src/application/projections/runner.js';
import type { AgentBounds } from '../../src/application/agents/agent-queue.js';
import { SagaScheduler } from '../../src/application/saga/saga-scheduler.js';
import { NO_RULES } from '../../src/application/agents/agent-limiter.js';
import type { WorkflowSaga } from '../../src/application/saga/workflow-saga.js';
import { StartBacklog, WaitingExecutions } from '../../src/application/workflow/start-backlog.js';
import type { TaskTokens } from '../../src/application/workflow/tasks.js';
import { AgentTaskReports } from '../../src/infrastructure/agents/agent-task-reports.js';
import { defaultAgentLimits } from '../../src/infrastructure/agents/limits.js';
import { AgentClient, type AgentService } from './agents.js';
import { DatabaseClient, type Database } from './database.js';
import { DiskClient, type Disks } from './disk.js';
import type { EventStore } from './event-store.js';
import { EventStoreClient } from './event-store-client.js';
import { SeededIds } from '../../src/testing/random.js';
import { sagaOver } from '../../src/testing/saga-over.js';
import { MachineClock, type Machine } from './machine.js';

export type Surroundings = Readonly<{
  store: EventStore;
  database: Database;
  /** Each slot of the cluster has one; it outlives the slot's machines. */
  disks: Disks;
  agents: AgentService;
  definitions: Definitions;
  limits: Readonly<{ concurrentSteps: number; inlineOutputBytes: number; batch: number }>;
  /** Null: no bound but the number of concurrent steps over all agents. */
  bounds: AgentBounds | null;
  /** Whether operators may hold agents. */
  canHold: boolean;
  tokens: TaskTokens;
}>;

export type Instance = Readonly<{
  machine: Machine;
  start: StartWorkflowHandler;
  control: ControlWorkflowHandler;
  report: ReportTaskHandler;
  hold: HoldAgentHandler;
  saga: WorkflowSaga;
  begin: () => Promise<void>;
  stop: () => Promise<void>;
}>;

const SWEEP_MS = 5_000;
const HEARTBEAT_MS = 5_000;
const GRACE_MS = 10_000;
/** Room for a few answers in memory, so that others are read from the disk. */
const KEPT = { memoryBytes: 8_192, diskBytes: 65_536, keepMs: 3_600_000 };

/** Other tests cover the bound on starts: here an instance takes every start. */
class NoWaitingExecutions extends WaitingExecutions {
  count = async () => 0;
}
const BACKLOG = { waiting: 1_000, countEveryMs: 1_000, countWaitMs: 1_000, retryAfterSeconds: 1 };

export const makeInstance = (machine: Machine, around: Surroundings): Instance => {
  const { store, database, definitions, limits, tokens } = around;
  const clock = new MachineClock(machine);
  const ids = new SeededIds(machine.random);
  const log = new EventStoreClient(store, machine, clock);
  const data = new DatabaseClient(database, machine);
  const worker = machine.name;
  const onError = (message: string, error: unknown) =>
    store.happenings.tell(() => `  ${worker}: ${message}: ${String(error)}`);

  const agents = new AgentClient(around.agents, machine);
  const holds = new AgentHolds(log, clock);
  const holdsWatch = new AgentHoldsWatch(holds, { log, agents, clock, ids }, onError);
  const { artifacts } = data;
  const notify = (_: unknown, line: string) => store.happenings.tell(() => `  ${worker}: ${line}`);
  const boundsOf = around.bounds ? () => around.bounds! : NO_RULES.boundsOf;
  const rules = { boundsOf, mayCall: around.canHold ? (agent: string) => holds.mayCall(agent) : NO_RULES.mayCall };
  const ports = { log, clock, ids, agents, artifacts, files: new DiskClient(around.disks, machine), notify, onError };
  const sagaLimits = { ...limits, cachedExecutions: 3, remembered: 100, kept: KEPT };
  const { saga, workflows, results } = sagaOver(ports, worker, sagaLimits, rules);
  holds.onChange(() => saga.agentsChanged());
  const reports = new AgentTaskReports(clock, defaultAgentLimits);
  const backlog = new StartBacklog(new NoWaitingExecutions(), clock, BACKLOG, onError);
  const { workers, due } = data;
  const watchLimits = { heartbeatMs: HEARTBEAT_MS, sweepMs: SWEEP_MS, sweepBatch: 100, sweepParallel: 4 };
  const watch = new SagaScheduler(saga, { log, workers, due, clock, ids }, worker, watchLimits, onError);
  const runnerLimits = {
    ...DEFAULT_RUNNER_LIMITS,
    batch: limits.batch,
    buffered: 2 * limits.batch,
    leadPauseMs: 5_000,
  };
  const runner = new ProjectionRunner({ store: data, log, clock, ids }, projections, runnerLimits, onError);

  return {
    machine,
    saga,
    report: new ReportTaskHandler(tokens, reports, workflows, saga, results, ids, clock),
    hold: new HoldAgentHandler(agents, holds, ids, clock),
    start: new StartWorkflowHandler(definitions, saga, ids, clock, backlog, workflows),
    control: new ControlWorkflowHandler(saga, ids, clock),
    begin: async () => {
      const after = lowestPosition(await data.checkpoints(), projections);
      runner.start();
      await saga.begin();
      if (around.canHold) await holdsWatch.start(after);
      watch.start(after);
    },
    stop: async () => {
      await saga.stop(GRACE_MS);
      await watch.stop();
      await holdsWatch.stop();
      await runner.stop();
    },
  };
};
