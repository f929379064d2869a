import {
  type AgentCall,
  type AgentInfo,
  type AgentReply,
  type Deferred,
  Agents,
} from '../../src/application/agents/agents.js';
import { parseMetadata } from '../../src/application/log/envelope.js';
import { AppendOutcomeUnknown, LogUnavailable, type EventLog } from '../../src/application/log/event-log.js';
import { hashOf } from '../../src/application/log/event-hash.js';
import { Ids, stepId } from '../../src/application/log/ids.js';
import { NO_RULES } from '../../src/application/agents/agent-limiter.js';
import type { WorkflowSaga } from '../../src/application/saga/workflow-saga.js';
import type { Histories } from '../../src/application/workflow/histories.js';
import type { CommandEnvelope } from '../../src/application/workflow/workflows.js';
import type { OperatorCommand } from '../../src/domain/workflow/commands.js';
import type { StepDefinition, WorkflowEvent } from '../../src/domain/workflow/events.js';
import { workflowStream } from '../../src/domain/workflow/index.js';
import { InMemoryAnswerFiles } from '../../src/testing/in-memory.answer-files.js';
import { InMemoryArtifacts } from '../../src/testing/in-memory.artifacts.js';
import { InMemoryEventLog } from '../../src/testing/in-memory.event-log.js';
import { sagaOver } from '../../src/testing/saga-over.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

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
    const { concurrentSteps = 8, remembered = 100, inlineOutputBytes = 65_536 } = limits;
    const { memoryBytes = 1_000_000, diskBytes = 1_000_000, keepMs = 72 * HOUR_MS } = limits;
    const notify = (_: unknown, line: string) => notices.push(line);
    const ids = new CountingIds(worker.slice(-1));
    const ports = { log: line, clock, ids, agents, artifacts, files, notify, onError, histories };
    const kept = { memoryBytes, diskBytes, keepMs };
    const sagaLimits = { cachedExecutions: 100, concurrentSteps, remembered, inlineOutputBytes, kept };
    const { saga, workflows, heldBack } = sagaOver(ports, worker, sagaLimits, rules);
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
