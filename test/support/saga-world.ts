import { createHash } from 'node:crypto';
import {
  type AgentCall,
  type AgentInfo,
  type AgentReply,
  type Deferred,
  Agents,
} from '../../src/application/agents/agents.js';
import { ArtifactStore, type StoredArtifact } from '../../src/application/workflow/artifacts.js';
import { parseMetadata } from '../../src/application/log/envelope.js';
import { AppendOutcomeUnknown, LogUnavailable, type EventLog } from '../../src/application/log/event-log.js';
import { hashOf } from '../../src/application/log/event-hash.js';
import { Ids, stepId } from '../../src/application/log/ids.js';
import { AnswerRecorder } from '../../src/application/saga/answer-recorder.js';
import { AttemptRunner } from '../../src/application/saga/attempt-runner.js';
import { KeptAnswers } from '../../src/application/saga/kept-answers.js';
import { Results } from '../../src/application/saga/results.js';
import { NO_RULES } from '../../src/application/agents/agent-limiter.js';
import { WorkflowSaga } from '../../src/application/saga/workflow-saga.js';
import type { Histories } from '../../src/application/workflow/histories.js';
import { HeldBackExecutions } from '../../src/application/workflow/held-back.js';
import { Workflows, type CommandEnvelope } from '../../src/application/workflow/workflows.js';
import type { OperatorCommand } from '../../src/domain/workflow/commands.js';
import type { StepDefinition, WorkflowEvent } from '../../src/domain/workflow/events.js';
import { workflowStream } from '../../src/domain/workflow/index.js';
import { InMemoryAnswerFiles } from './in-memory.answer-files.js';
import { InMemoryEventLog } from './in-memory.event-log.js';
import { VirtualClock } from './virtual-clock.js';

export const EXECUTION = '11111111-1111-4111-8111-111111111111';

export const step = (name: string, more: Partial<StepDefinition> = {}): StepDefinition => ({
  name,
  agent: name,
  required: true,
  timeoutMs: 60_000,
  retry: { maximumAttempts: 4, initialIntervalMs: 1_000, backoffCoefficient: 2, maximumIntervalMs: 60_000 },
  runningState: `${name}_running`,
  completedState: `${name}_completed`,
  weight: 1,
  ...more,
});

/** Ids in sequence, so that a failing test reads the same each time. */
export class CountingIds extends Ids {
  private count = 0;
  constructor(private readonly prefix: string) {
    super();
  }
  uuid(): string {
    return `00000000-0000-4000-8000-${this.prefix}${String(++this.count).padStart(11, '0')}`;
  }
  orderedUuid(): string {
    return this.uuid();
  }
  jitter(): number {
    return 0.5;
  }
}

export class InMemoryArtifacts extends ArtifactStore {
  readonly stored = new Map<string, { content: Uint8Array; contentType: string }>();
  async put(content: Uint8Array, contentType: string): Promise<StoredArtifact> {
    return this.putNow(content, contentType);
  }
  putNow(content: Uint8Array, contentType: string): StoredArtifact {
    const sha256 = createHash('sha256').update(content).digest('hex');
    this.stored.set(sha256, { content, contentType });
    return { sha256, bytes: content.byteLength };
  }
  async get(sha256: string) {
    return this.stored.get(sha256) ?? null;
  }
}

export type Behaviour = (call: AgentCall) => Promise<AgentReply | Deferred>;

export const answers = (data: Record<string, string> = {}): AgentReply => ({
  success: true,
  data,
  metadata: {},
  artifacts: [],
});

export const fails = (type: 'transient' | 'validation' | 'fatal', retryAfterMs: number | null = null): AgentReply => ({
  success: false,
  error: { type, code: 'TEST', message: `a ${type} error` },
  retryAfterMs,
});

export class ScriptedAgents extends Agents {
  readonly calls: AgentCall[] = [];
  constructor(public behave: Behaviour) {
    super();
  }
  call(call: AgentCall): Promise<AgentReply | Deferred> {
    this.calls.push(call);
    return this.behave(call);
  }
  list(): readonly AgentInfo[] {
    return [];
  }
}

/** An agent that answers when the test says so. */
export const onDemand = () => {
  let answer: (reply: AgentReply) => void = () => undefined;
  const reply = new Promise<AgentReply>((resolve) => (answer = resolve));
  return { behave: () => reply, answer };
};

/** The line of one instance to the log: it may be away, and an instance that is killed gets no answer any more. */
export const lineTo = (log: EventLog) => {
  const state = { isAway: false, isDead: false, appends: 0 };
  const line = new Proxy(log, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function' || name === 'subscribe') return member;
      return (...given: unknown[]): unknown => {
        if (state.isDead) return new Promise<never>(() => undefined);
        if (name === 'append') state.appends++;
        if (state.isAway) return Promise.reject(new LogUnavailable('away'));
        return (member as (...given: unknown[]) => unknown).apply(target, given);
      };
    },
  });
  return Object.assign(state, { line });
};

/** One log, one clock, any number of instances: what runs in production, over fakes at the ports. */
const HOUR_MS = 3_600_000;

type InstanceLimits = Partial<{
  concurrentSteps: number;
  inlineOutputBytes: number;
  remembered: number;
  memoryBytes: number;
  diskBytes: number;
  keepMs: number;
}>;

export const world = (steps: readonly StepDefinition[], behave: Behaviour, maxAppendBytes?: number) => {
  const clock = new VirtualClock();
  const log = new InMemoryEventLog(() => clock.now(), maxAppendBytes);
  const files = new InMemoryAnswerFiles();
  const notices: string[] = [];
  const agents = new ScriptedAgents(behave);
  const artifacts = new InMemoryArtifacts();
  const errors: string[] = [];
  const definition = { name: 'demo', documentType: 'demo', steps };
  const operatorIds = new CountingIds('f');

  /** @param line to the log, as that instance reaches it */
  const instance = (
    worker: string,
    limits: InstanceLimits = {},
    rules = NO_RULES,
    line: EventLog = log,
    histories?: Histories,
  ) => {
    const onError = (message: string, error: unknown) => errors.push(`${message}: ${String(error)}`);
    const workflows = new Workflows(line, clock, { cachedExecutions: 100 }, undefined, histories);
    const { inlineOutputBytes = 65_536, memoryBytes = 1_000_000, diskBytes = 1_000_000 } = limits;
    const { keepMs = 72 * HOUR_MS } = limits;
    const results = new Results(artifacts, { inlineOutputBytes, maxAppendBytes: log.maxAppendBytes });
    const keptLimits = { memoryBytes, diskBytes, keepMs };
    const notify = (_: unknown, line: string) => notices.push(line);
    const kept = new KeptAnswers(files, keptLimits, clock, notify, onError);
    const recorder = new AnswerRecorder({ workflows, results, kept, clock, onError });
    const heldBack = new HeldBackExecutions();
    const ids = new CountingIds(worker.slice(-1));
    const dependencies = { workflows, agents, artifacts, recorder, kept, heldBack, clock, ids, onError };
    const attempts = new AttemptRunner(dependencies);
    const sagaLimits = {
      concurrentSteps: limits.concurrentSteps ?? 8,
      remembered: limits.remembered ?? 100,
      errorPauseMs: 5_000,
      answersFirstMs: 10_000,
    };
    const saga = new WorkflowSaga({ ...dependencies, attempts }, worker, sagaLimits, rules);
    return { saga, workflows, heldBack };
  };

  const order = (command: OperatorCommand): CommandEnvelope => ({
    command,
    context: {
      commandId: operatorIds.uuid(),
      at: clock.now(),
      actor: { type: 'user', id: 'ann' },
      reason: 'because',
      causationId: null,
      traceparent: null,
    },
  });

  const start = (executionId = EXECUTION, autoExecute = true): CommandEnvelope =>
    order({
      type: 'StartWorkflow',
      data: {
        executionId,
        projectId: 'p',
        documentType: 'demo',
        triggeredBy: 'ann',
        autoExecute,
        metadata: { colour: 'blue' },
        definition,
        definitionHash: hashOf({ name: 'demo' }),
        stepIds: steps.map(({ name }) => stepId(executionId, name)),
        requestHash: 'r',
      },
    });

  const history = async (executionId = EXECUTION) => (await log.read(workflowStream(executionId))).events;
  const types = async (executionId = EXECUTION) => (await history(executionId)).map(({ type }) => type);
  const dataOf = async <Type extends WorkflowEvent['type']>(type: Type) =>
    (await history()).filter((event) => event.type === type).map(({ data }) => data) as Extract<
      WorkflowEvent,
      { type: Type }
    >['data'][];
  const state = async (executionId = EXECUTION) =>
    parseMetadata((await history(executionId)).at(-1)?.metadata).summary.state;

  /** The command's append gets no answer until the saga gives up, within `passMs`. @returns carries the append out after all */
  const giveUp = async (saga: WorkflowSaga, command: OperatorCommand, passMs: number) => {
    const append = log.append.bind(log);
    let first: (() => Promise<unknown>) | undefined;
    log.append = (...given) => {
      first ??= () => append(...given);
      return Promise.reject(new AppendOutcomeUnknown('no answer'));
    };
    const given = saga.submit(EXECUTION, order(command)).catch(String);
    await clock.pass(passMs);
    expect(await given).toMatch(/no (clear )?answer/);
    log.append = append;
    return async () => void (await first!());
  };
  return {
    clock,
    log,
    agents,
    artifacts,
    files,
    notices,
    errors,
    instance,
    order,
    start,
    history,
    types,
    dataOf,
    state,
    giveUp,
  };
};
