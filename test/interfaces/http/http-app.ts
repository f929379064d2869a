import { AccessDirectory } from '../../../src/application/access/access-directory.js';
import { AccessLog } from '../../../src/application/access/access-log.js';
import { AccessLogPages } from '../../../src/application/access/access-log-pages.js';
import { AccessOrders } from '../../../src/application/access/access-orders.js';
import { Authenticator } from '../../../src/application/access/authenticator.js';
import { ExecutionProjects } from '../../../src/application/access/execution-projects.js';
import { Global, Logger, Module } from '@nestjs/common';
import { CommandBus, CqrsModule, QueryBus } from '@nestjs/cqrs';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { AgentHolds } from '../../../src/application/agents/agent-holds.js';
import {
  Agents,
  type AgentInfo,
  type AgentInput,
  DocumentAgents,
  type AgentResultJson,
  type DocumentAgentName,
} from '../../../src/application/agents/agents.js';
import { ArtifactStore } from '../../../src/application/workflow/artifacts.js';
import { SessionFreshSignIns } from '../../../src/application/access/session-fresh-sign-ins.js';
import { AuditReviews } from '../../../src/application/audit/reviews.js';
import { ExecutionSignatures } from '../../../src/application/audit/signatures.js';
import { SignaturePages } from '../../../src/application/audit/signed-copy.js';
import { Clock } from '../../../src/application/runtime/clock.js';
import { AuditPacks, type AuditPack } from '../../../src/application/audit/pack/audit-pack.js';
import { commandHandlers, queryHandlers } from '../../../src/composition/handlers.js';
import { Definitions } from '../../../src/application/workflow/definitions.js';
import { LiveStreams } from '../../../src/application/live/live-streams.js';
import { EventLog, type NewEvent } from '../../../src/application/log/event-log.js';
import { hashOf } from '../../../src/application/log/event-hash.js';
import { Health, Metrics, type HealthReport } from '../../../src/application/runtime/metrics.js';
import { Ids } from '../../../src/application/log/ids.js';
import {
  ReadModel,
  type EventsAsked,
  type EventView,
  type ExecutionFilter,
  type ExecutionView,
  type Overview,
  type StepView,
} from '../../../src/application/queries/read-model.js';
import { RevisionWaits } from '../../../src/application/queries/revision-waits.js';
import { Results } from '../../../src/application/saga/results.js';
import { NO_RULES } from '../../../src/application/agents/agent-limiter.js';
import { WorkflowSaga } from '../../../src/application/saga/workflow-saga.js';
import { StartBacklog, WaitingExecutions } from '../../../src/application/workflow/start-backlog.js';
import { TaskReports, TaskTokens } from '../../../src/application/workflow/tasks.js';
import { Histories } from '../../../src/application/workflow/histories.js';
import { HeldBackExecutions } from '../../../src/application/workflow/held-back.js';
import { Workflows } from '../../../src/application/workflow/workflows.js';
import type { ArtifactRef } from '../../../src/domain/workflow/events.js';
import { AgentTaskReports, HmacTaskTokens } from '../../../src/infrastructure/agents/agent-task-reports.js';
import { defaultAgentLimits } from '../../../src/infrastructure/agents/limits.js';
import { OwnCalls } from '../../../src/interfaces/http/server/admission.js';
import {
  JsonReader,
  JsonReadHere,
  defaultHttpLimits,
  HttpLimits,
} from '../../../src/interfaces/http/server/json-body.js';
import { configureHttp } from '../../../src/interfaces/http/configure-http.js';
import { CookieWrites } from '../../../src/interfaces/http/access/cookie-writes.js';
import { SignInFlow } from '../../../src/interfaces/http/access/sign-in-flow.js';
import { HttpModule } from '../../../src/interfaces/http/http.module.js';
import { OpenStreams } from '../../../src/interfaces/http/streams/open-streams.js';
import { knownHosts, knownOrigins } from '../../../src/interfaces/known-origins.js';
import { RequiredReasons } from '../../../src/interfaces/http/executions/commands.controller.js';
import { CountingIds, onDemand, step, world } from '../../support/saga-world.js';

/** Rows that a test lays down; what was asked of them. */
class LaidOutReadModel extends ReadModel {
  readonly asked: unknown[] = [];
  execution: ExecutionView | null = null;
  steps: readonly StepView[] = [];
  rows: readonly EventView[] = [];
  refs: readonly ArtifactRef[] = [];
  nextCursor: string | null = null;
  failure: Error | null = null;

  private note(question: unknown): void {
    this.asked.push(question);
    if (this.failure) throw this.failure;
  }
  async overview(
    executionId: string,
    include: Readonly<{ steps: boolean; events: unknown }>,
  ): Promise<Overview | null> {
    this.note({ executionId, include });
    if (this.execution?.id !== executionId) return null;
    const steps = include.steps ? this.steps : undefined;
    return { execution: this.execution, steps, events: include.events ? this.rows : undefined };
  }
  async revisions(executionIds: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    this.note({ revisionsOf: executionIds });
    const row = this.execution;
    return new Map(row && executionIds.includes(row.id) ? [[row.id, BigInt(row.revision)]] : []);
  }
  async executions(filter: ExecutionFilter, page: Readonly<{ cursor: string | null; limit: number }>) {
    this.note({ filter, page });
    return { rows: this.execution ? [this.execution] : [], nextCursor: this.nextCursor };
  }
  async events(executionId: string, page: EventsAsked) {
    this.note({ executionId, page });
    return this.rows.slice(0, page.limit);
  }
  /** Types of other programs, and states of definitions that are not installed, that rows have. */
  words: readonly string[] = [];
  async hasState(state: string) {
    return this.words.includes(state);
  }
  async typesAmong(_executionId: string, types: readonly string[]) {
    return types.filter((type) => this.words.includes(type));
  }
  async artifact(executionId: string, name: string) {
    this.note({ executionId, name });
    return this.refs.find((ref) => ref.name === name) ?? null;
  }
}

class ScriptedDocumentAgents extends DocumentAgents {
  readonly calls: Readonly<{ agent: DocumentAgentName; input: AgentInput }>[] = [];
  result: AgentResultJson = { success: true, data: { done: true }, metadata: {} };

  async run(agent: DocumentAgentName, input: AgentInput): Promise<AgentResultJson> {
    this.calls.push({ agent, input });
    return this.result;
  }
}

class ScriptedHealth extends Health {
  report: HealthReport = { ready: true, checks: { postgres: { ok: true } } };
  async check(): Promise<HealthReport> {
    return this.report;
  }
}

class OnePack extends AuditPacks {
  async of(executionId: string): Promise<AuditPack> {
    return { name: `${executionId}.zip`, content: Buffer.from('PK') };
  }
}

const steps = [step('enrich', { runningState: 'enriching', completedState: 'enriched' }), step('compose')];
const published = { name: 'demo', documentType: 'ib', steps };

class OneDefinition extends Definitions {
  byDocumentType(documentType: string) {
    return documentType === 'ib' ? { definition: published, hash: hashOf({ name: 'demo' }) } : undefined;
  }
  all() {
    return [{ definition: published, hash: hashOf({ name: 'demo' }) }];
  }
}

const known: AgentInfo[] = steps.map(({ agent: name }) => ({ name, kind: 'http', url: `http://agents/${name}` }));

/** As many executions wait as the test says. */
class CountedWaiting extends WaitingExecutions {
  number = 0;
  async count(): Promise<number> {
    return this.number;
  }
}
export const BACKLOG = { waiting: 1_000, countEveryMs: 1_000, countWaitMs: 500, retryAfterSeconds: 5 };

export type HttpWorld = Awaited<ReturnType<typeof startHttp>>;

/** The real write path and the real handlers over an in-memory log; agents answer when the test says so. */
export const startHttp = async (limits: HttpLimits = defaultHttpLimits) => {
  const agent = onDemand();
  const { clock, log, artifacts, agents, history, errors, instance } = world(steps, agent.behave);
  const holds = new AgentHolds(log, clock);
  const mayCall = (name: string) => holds.mayCall(name);
  const { saga, workflows, heldBack } = instance('worker-1', {}, { ...NO_RULES, mayCall });
  holds.onChange(() => saga.agentsChanged());
  for (const { name } of known) await holds.refresh(name);
  agents.list = () => known;
  const waiting = new CountedWaiting();
  const readModel = new LaidOutReadModel();
  const documentAgents = new ScriptedDocumentAgents();
  const health = new ScriptedHealth();
  const ownCalls = { token: undefined as string | undefined, isOwn: (given?: string) => given === ownCalls.token };
  const taskTokens = new HmacTaskTokens(Buffer.alloc(32, 7));

  const appended: NewEvent[] = [];
  const append = log.append.bind(log);
  log.append = (stream, events, expected) => {
    appended.push(...events);
    return append(stream, events, expected);
  };

  const ports = [
    { provide: Clock, useValue: clock },
    {
      provide: Authenticator,
      useValue: new Authenticator('local', { directory: new AccessDirectory({ log, clock }), clock }),
    },
    { provide: ExecutionProjects, useValue: new ExecutionProjects(log, { projectOf: () => Promise.resolve(null) }) },
    { provide: SignInFlow, useValue: new SignInFlow(null, new CookieWrites()) },
    { provide: EventLog, useValue: log },
    { provide: Histories, useValue: new Histories(log) },
    { provide: Ids, useValue: new CountingIds('e') },
    { provide: Definitions, useValue: new OneDefinition() },
    { provide: Agents, useValue: agents },
    { provide: ArtifactStore, useValue: artifacts },
    { provide: ReadModel, useValue: readModel },
    { provide: RevisionWaits, useValue: new RevisionWaits(readModel, clock) },
    { provide: DocumentAgents, useValue: documentAgents },
    { provide: AuditPacks, useValue: new OnePack() },
    { provide: Health, useValue: health },
    { provide: HttpLimits, useValue: limits },
    { provide: JsonReader, useValue: new JsonReadHere() },
    { provide: OwnCalls, useValue: ownCalls },
    { provide: RequiredReasons, useValue: new RequiredReasons([]) },
    { provide: TaskTokens, useValue: taskTokens },
    { provide: TaskReports, useValue: new AgentTaskReports(clock, defaultAgentLimits) },
    { provide: Results, useValue: new Results(artifacts, { inlineOutputBytes: 65_536, maxAppendBytes: 1024 * 1024 }) },
    { provide: AgentHolds, useValue: holds },
    { provide: AuditReviews, useValue: new AuditReviews(log, clock) },
    {
      provide: ExecutionSignatures,
      useValue: new ExecutionSignatures({
        ...{ log, clock, histories: new Histories(log), freshSignIns: new SessionFreshSignIns(null) },
      }),
    },
    { provide: StartBacklog, useValue: new StartBacklog(waiting, clock, BACKLOG, () => undefined) },
    { provide: WorkflowSaga, useValue: saga },
    { provide: Workflows, useValue: workflows },
    { provide: HeldBackExecutions, useValue: heldBack },
    {
      provide: AccessLog,
      useValue: new AccessLog({ log, clock, ids: new CountingIds('a') }, false, {
        ...{ onError: () => undefined, notify: () => undefined },
      }),
    },
    // No suite over this application asks the routes that need these.
    ...[Metrics, LiveStreams, OpenStreams, AccessOrders, AccessLogPages, SignaturePages].map((provide) => ({
      provide,
      useValue: null,
    })),
  ];
  @Global()
  @Module({
    imports: [CqrsModule.forRoot(), HttpModule],
    providers: [...ports, ...commandHandlers, ...queryHandlers],
    exports: ports.map(({ provide }) => provide),
  })
  class TestModule {}

  const logged: string[] = [];
  const note = (...parts: unknown[]) => void logged.push(parts.map(String).join(' '));
  const module = await Test.createTestingModule({ imports: [TestModule] }).compile();
  const app = module.createNestApplication<NestExpressApplication>({ bodyParser: false, logger: false });
  configureHttp(app, limits, new AbortController().signal, {
    isKnownHost: knownHosts(['api.example.com']),
    publicPath: '/executor',
    isKnownOrigin: knownOrigins(['https://app.example.com']),
  });
  Logger.overrideLogger({ log: () => undefined, warn: note, error: note });
  await app.listen(0, '127.0.0.1');
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  const buses = { commands: app.get(CommandBus), queries: app.get(QueryBus) };
  return {
    app,
    url,
    clock,
    log,
    history,
    errors,
    artifacts,
    readModel,
    documentAgents,
    agent,
    taskTokens,
    ownCalls,
    health,
    waiting,
    agents,
    heldBack,
    saga,
    buses,
    appended,
    logged,
    finish: () => app.close(),
  };
};

/** An execution's row as the projections write it. */
export const executionRow = (more: Partial<ExecutionView> = {}): ExecutionView => ({
  id: '11111111-1111-4111-8111-111111111111',
  project_id: 'p1',
  document_type: 'ib',
  workflow_name: 'demo',
  definition_hash: 'ab',
  triggered_by: 'ann',
  auto_execute: true,
  current_state: 'enriching',
  pause_state: null,
  drained: false,
  current_step: 'enrich',
  next_step: null,
  percent_complete: 0,
  error_type: null,
  error_code: null,
  error_message: null,
  checkpoint_data: { last_completed_step: null, intermediate_results: {} },
  metadata: {},
  created_at: new Date('2030-01-01T00:00:00.000Z'),
  started_at: new Date('2030-01-01T00:00:00.000Z'),
  updated_at: new Date('2030-01-01T00:00:01.000Z'),
  completed_at: null,
  next_action_at: null,
  worker: 'worker-1',
  revision: '1',
  position: '200',
  ...more,
});
