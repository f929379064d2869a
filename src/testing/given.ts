import { ControlWorkflow, ControlWorkflowHandler } from '../application/commands/control-workflow.js';
import { ReportTask, ReportTaskHandler } from '../application/commands/report-task.js';
import { StartWorkflow, StartWorkflowHandler } from '../application/commands/start-workflow.js';
import type { AgentCall } from '../application/agents/agents.js';
import { FoldedRows } from '../application/projections/fold-rows.js';
import { projections } from '../application/projections/index.js';
import type { EventView, ExecutionView, StepView } from '../application/queries/read-model.js';
import { AttemptOver, reasonOf } from '../application/runtime/errors.js';
import { loadLargeValues } from '../application/saga/results.js';
import { StartBacklog, WaitingExecutions } from '../application/workflow/start-backlog.js';
import type { Workflows } from '../application/workflow/workflows.js';
import type { JsonObject } from '../domain/json.js';
import { allowedActions } from '../domain/workflow/summary.js';
import { AgentTaskReports, HmacTaskTokens } from '../infrastructure/agents/agent-task-reports.js';
import { defaultAgentLimits } from '../infrastructure/agents/limits.js';
import { LoadedDefinitions } from '../infrastructure/definitions/load-definitions.js';
import { inSeconds } from './duration.js';
import { InMemoryAnswerFiles } from './in-memory.answer-files.js';
import { InMemoryArtifacts } from './in-memory.artifacts.js';
import { InMemoryEventLog } from './in-memory.event-log.js';
import { commandOf, mustBeOrders, type Order, type StartOptions } from './orders.js';
import { Random, SeededIds } from './random.js';
import { attemptsIn, happenedIn, lineOf, type MadeFile, type Run } from './run.js';
import { sagaOver } from './saga-over.js';
import { agentsOf, definitionOf, limitsOf, mustBeSetup, type Limits, type Setup } from './setup.js';
import { TestAgents } from './test-agents.js';
import { VirtualClock } from './virtual-clock.js';
import { WorkInProgress } from './work-in-progress.js';

/** As far as one execution can tell, those of production by default. */
const SAGA_LIMITS = {
  cachedExecutions: 100,
  concurrentSteps: 8,
  remembered: 100,
  inlineOutputBytes: 65_536,
  kept: { memoryBytes: 1_000_000, diskBytes: 1_000_000, keepMs: 72 * 3_600_000 },
};
const BACKLOG = { waiting: 1, countEveryMs: 1_000, countWaitMs: 1_000, retryAfterSeconds: 1 };

class NoWaitingExecutions extends WaitingExecutions {
  count = async () => 0;
}

const CALLER = {
  actor: { type: 'user', id: 'tester' },
  idempotencyKey: null,
  traceparent: null,
} as const;

/**
 * A workflow of a test: a definition, the agents of its steps, a clock that only the test moves, and an event log in memory.
 * @throws Error that names everything that is wrong with the definition or the agents
 */
export const given = (setup: Setup): Given => new Given(setup);

/** One execution, or the room for it. */
export class Given {
  private readonly clock: VirtualClock;
  private readonly startedAt: Date;
  private readonly log: InMemoryEventLog;
  private readonly artifacts = new InMemoryArtifacts();
  private readonly work: WorkInProgress;
  private readonly limits: Limits;
  private readonly agents: TestAgents;
  private readonly rows = new FoldedRows(projections);
  private readonly problems: Error[] = [];
  private readonly documentType: string;
  private readonly handlers: Handlers;
  /** Events of the log that the rows have. */
  private folded = 0;
  private isBusy = false;

  constructor(setup: Setup) {
    mustBeSetup(setup);
    const definition = definitionOf(setup.definition);
    const functions = agentsOf(definition, setup.agents);
    this.documentType = definition.documentType;
    this.limits = limitsOf(setup.limits);
    this.clock = new VirtualClock(setup.now?.toISOString());
    this.startedAt = this.clock.now();
    this.log = new InMemoryEventLog(() => this.clock.now());
    this.work = new WorkInProgress(this.limits.realMs);
    const report = (call: AgentCall, body: JsonObject) => this.report(call, body);
    this.agents = new TestAgents(functions, this.clock, this.work, report, this.onError);
    this.handlers = this.wired(new LoadedDefinitions([definition]), setup.seed ?? 1);
  }

  /**
   * Carries out the orders one after another, then lets time pass until the execution is at rest: ended, paused, or waiting
   * for an operator. After `passes()` as the last of them it lets no more time pass. Repeated calls go on from there.
   * @returns what has come of it so far
   * @throws what a client of the API would be refused with, and Error where the execution does not come to rest
   */
  async when(...orders: readonly [Order, ...Order[]]): Promise<Run> {
    mustBeOrders(orders);
    if (this.isBusy) throw new Error('when(): expected the call before to have ended; await it');
    this.isBusy = true;
    try {
      for (const order of orders) await this.carryOut(order);
      if (orders.at(-1)?.verb !== 'passes') await this.comeToRest();
      return await this.run();
    } finally {
      this.isBusy = false;
    }
  }

  private wired(definitions: LoadedDefinitions, seed: number): Handlers {
    const { clock, log, agents, artifacts, onError } = this;
    const ids = new SeededIds(new Random(seed));
    const ports = {
      log,
      clock,
      ids,
      agents,
      artifacts,
      files: new InMemoryAnswerFiles(),
      notify: () => undefined,
      onError,
    };
    const { saga, workflows, results } = sagaOver(ports, 'worker-1', SAGA_LIMITS);
    const backlog = new StartBacklog(new NoWaitingExecutions(), clock, BACKLOG, onError);
    const tokens = new HmacTaskTokens(Buffer.from('of a test'));
    const reports = new AgentTaskReports(clock, defaultAgentLimits);
    return {
      workflows,
      tokens,
      start: new StartWorkflowHandler(definitions, saga, ids, clock, backlog, workflows),
      control: new ControlWorkflowHandler(saga, ids, clock),
      report: new ReportTaskHandler(tokens, reports, workflows, saga, results, ids, clock),
    };
  }

  private readonly onError = (message: string, error: unknown): void => {
    this.problems.push(new Error(`${message}: ${reasonOf(error)}`, { cause: error }));
  };

  private async carryOut(order: Order): Promise<void> {
    if (order.verb === 'passes') {
      await this.pass(order.ms);
      return;
    }
    if (order.verb === 'start') await this.start(order.options);
    else {
      const { id } = this.execution(order.verb);
      const stepIds = new Map(this.steps().map((step) => [step.step_name, step.id]));
      const caller = { ...CALLER, reason: order.reason };
      await this.handlers.control.execute(new ControlWorkflow(id, commandOf(order, stepIds), caller));
    }
    await this.settled();
  }

  private async start({ projectId = 'project', metadata, triggeredBy, autoExecute = true, reason }: StartOptions) {
    if (this.log.length > 0)
      throw new Error('start(): expected one in a test; make another given() for another execution');
    const request = {
      projectId,
      documentType: this.documentType,
      triggeredBy: triggeredBy ?? null,
      autoExecute,
      metadata: JSON.parse(JSON.stringify(metadata ?? {})) as JsonObject,
    };
    await this.handlers.start.execute(new StartWorkflow(request, { ...CALLER, reason: reason ?? null }));
  }

  private async report({ input }: AgentCall, body: JsonObject): Promise<boolean> {
    const { tokens, report } = this.handlers;
    const { execution_id: executionId, step, attempt } = input;
    try {
      const answer = await report.execute(new ReportTask(tokens.issue({ executionId, step, attempt }), body, null));
      return answer.continue;
    } catch (error) {
      if (error instanceof AttemptOver) return false;
      throw error;
    }
  }

  private async pass(ms: number): Promise<void> {
    const end = this.clock.now().getTime() + ms;
    await this.advance(end, () => false);
    await this.clock.pass(end - this.clock.now().getTime());
    await this.settled();
  }

  private async comeToRest(): Promise<void> {
    const { virtualMs } = this.limits;
    const isAtRest = () => this.execution('when').next_action_at === null;
    if (await this.advance(this.clock.now().getTime() + virtualMs, isAtRest)) return;
    const why =
      this.clock.untilNext === null
        ? 'and nothing is left that would wake it'
        : `in ${inSeconds(virtualMs)} of virtual time (limits.virtualTime)`;
    throw new Error(`The execution does not come to rest ${why}: ${this.waitsFor()}`);
  }

  /** @returns whether it was over before `end` */
  private async advance(end: number, isOver: () => boolean): Promise<boolean> {
    for (let [at, wakeUps] = [0, 0]; ;) {
      await this.settled();
      if (isOver()) return true;
      if (!this.clock.wakeNext(end)) return false;
      const now = this.clock.now().getTime();
      [at, wakeUps] = [now, now > at ? 0 : wakeUps + 1];
      if (wakeUps > this.limits.wakeUps)
        throw new Error(
          `Virtual time stands still: more than ${this.limits.wakeUps} wake-ups at one moment (limits.wakeUps): ${this.waitsFor()}`,
        );
    }
  }

  /** @throws the first problem that the executor came upon */
  private async settled(): Promise<void> {
    await this.work.settled();
    for (; this.folded < this.log.length; this.folded++) this.rows.apply(this.log.eventAt(this.folded));
    if (this.problems[0]) throw this.problems[0];
    if (this.log.length > this.limits.events)
      throw new Error(`The execution has more than ${this.limits.events} events (limits.events): ${this.waitsFor()}`);
  }

  private waitsFor(): string {
    for (const { status, step_name: step, agent, attempt, ...row } of this.steps()) {
      const which = `attempt ${attempt} of step "${step}"`;
      if (status === 'running')
        return `it waits for agent "${agent}" to answer ${which}, which has time until ${row.deadline_at?.toISOString()}`;
      if (status === 'waiting')
        return `it waits to retry step "${step}" after ${which}, at ${row.retry_at?.toISOString()}`;
    }
    return `it is ${this.execution('when').current_state}`;
  }

  private execution(verb: string): ExecutionView {
    const [row] = this.rows.rows('workflow_executions');
    if (!row) throw new Error(`${verb}(): expected an execution that was started; call when(start()) first`);
    return row as unknown as ExecutionView;
  }

  private steps(): readonly StepView[] {
    return this.rows.rows('workflow_steps') as unknown as readonly StepView[];
  }

  private async run(): Promise<Run> {
    const execution = this.execution('when');
    const { state } = await this.handlers.workflows.load(execution.id);
    const events = this.rows.rows('workflow_events') as unknown as readonly EventView[];
    const history = { startedAt: this.startedAt, events, calls: this.agents.calls };
    const happened = happenedIn(history);
    const { intermediate_results: outputs } = execution.checkpoint_data;
    return {
      state: execution.current_state,
      percentComplete: execution.percent_complete,
      allowedActions: state.status === 'none' ? [] : allowedActions(state),
      elapsed: this.clock.now().getTime() - this.startedAt.getTime(),
      outputs: await loadLargeValues(this.artifacts, outputs),
      files: await this.files(),
      attempts: attemptsIn(history),
      events: happened,
      story: happened.map(lineOf),
      execution,
      steps: Object.fromEntries(this.steps().map((step) => [step.step_name, step])),
    };
  }

  private async files(): Promise<readonly MadeFile[]> {
    const refs = this.steps().flatMap(({ step_name: step, artifacts }) => artifacts.map((ref) => ({ step, ...ref })));
    return Promise.all(
      refs.map(async ({ step, name, sha256, contentType }) => {
        const { content } = await this.artifacts.mustGet(sha256, name);
        return { step, name, contentType, content };
      }),
    );
  }
}

type Handlers = Readonly<{
  workflows: Workflows;
  tokens: HmacTaskTokens;
  start: StartWorkflowHandler;
  control: ControlWorkflowHandler;
  report: ReportTaskHandler;
}>;
