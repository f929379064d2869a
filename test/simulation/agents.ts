/** The agents of a run: one service that every machine calls, with a ledger of calls and effects. */
import {
  Agents,
  deferred,
  type AgentCall,
  type AgentReply,
  type Deferred,
} from '../../src/application/agents/agents.js';
import { hashOf } from '../../src/application/log/event-hash.js';
import type { JsonObject } from '../../src/domain/json.js';
import type { ErrorType } from '../../src/domain/workflow/retry-policy.js';
import type { EventStore } from './event-store.js';
import type { Machine } from './machine.js';

export type Behaviour =
  | 'ok'
  | 'hang'
  | 'hang after the effect'
  | 'reply lost'
  | 'transient'
  | 'rate limited'
  | 'garbage'
  | 'validation'
  | 'fatal'
  | 'large'
  | 'deferred';

export const AGENT_NAMES = ['one', 'two', 'three'] as const;

export type Habits = Readonly<{ weights: Readonly<Record<Behaviour, number>>; slowestMs: number }>;

export const HEALTHY: Habits = {
  weights: {
    ok: 1,
    hang: 0,
    'hang after the effect': 0,
    'reply lost': 0,
    transient: 0,
    'rate limited': 0,
    garbage: 0,
    validation: 0,
    fatal: 0,
    large: 0,
    deferred: 0,
  },
  slowestMs: 3_000,
};

export type Asked = Readonly<{
  key: string;
  executionId: string;
  step: string;
  attempt: number;
  machine: string;
  at: number;
  /** Whether the log held the StepStarted of exactly this attempt when the request was made. */
  isClaimed: boolean;
}>;

/** An error that an agent answered with, and the wait that it asked for. */
export type Answered = Readonly<{
  executionId: string;
  step: string;
  attempt: number;
  type: ErrorType;
  retryAfterMs: number | null;
}>;

/** What happened at the agents. An effect happens once for a key, however often an instance asks for it. */
export class Ledger {
  readonly asked: Asked[] = [];
  readonly answered: Answered[] = [];
  /** By idempotency key: the hash of the agent's output. */
  readonly effects = new Map<string, string>();

  effect(key: string, output: JsonObject): void {
    this.effects.set(key, hashOf(output));
  }
}

export class AgentClient extends Agents {
  constructor(
    private readonly service: AgentService,
    private readonly machine: Machine,
  ) {
    super();
  }

  call(call: AgentCall): Promise<AgentReply | Deferred> {
    const { input, idempotencyKey: key } = call;
    const { machine, service } = this;
    if (!machine.isAlive) return new Promise(() => undefined);
    const { execution_id: executionId, step, attempt } = input;
    const isClaimed = service.isClaimed(executionId, step, attempt);
    const { now } = machine.timeline;
    service.ledger.asked.push({ key, executionId, step, attempt, machine: machine.name, at: now, isClaimed });
    return new Promise((resolve) => {
      void machine.ask('agent', () => service.serve(call, (reply) => machine.tell(() => resolve(reply))));
      const abort = () => {
        machine.timeline.after(1, () => machine.tell(() => resolve(failure('transient', 'ABORTED'))));
      };
      call.signal.addEventListener('abort', abort, { once: true });
    });
  }

  list() {
    return AGENT_NAMES.map((name) => ({ name, kind: 'http', url: null }) as const);
  }
}

export class AgentService {
  readonly ledger = new Ledger();
  habits: Habits = HEALTHY;
  /** Called for each call whose agent goes on without a connection. */
  onDeferred: (call: AgentCall) => void = () => undefined;

  constructor(private readonly store: EventStore) {}

  isClaimed(executionId: string, step: string, attempt: number): boolean {
    return this.store.eventsOf(`workflow-${executionId}`).some(({ type, data }) => {
      const started = data as { step?: string; attempt?: number };
      return type === 'StepStarted' && started.step === step && started.attempt === attempt;
    });
  }

  serve(call: AgentCall, answer: (reply: AgentReply | Deferred) => void): void {
    const { input, idempotencyKey: key } = call;
    const { timeline, random, happenings } = this.store;
    const behaviour = random.weighted(this.habits.weights);
    const { execution_id: executionId, step, attempt } = input;
    happenings.count(`agent ${behaviour}`);
    happenings.tell(() => `  agent ${step} of ${executionId.slice(0, 8)}, attempt ${attempt}: ${behaviour}`);
    const fail = (type: ErrorType, code: string, retryAfterMs: number | null = null) => {
      this.ledger.answered.push({ executionId, step, attempt, type, retryAfterMs });
      answer(failure(type, code, retryAfterMs));
    };
    const output = outputFor(key, step, behaviour === 'large');
    const finish = () => {
      switch (behaviour) {
        case 'ok':
        case 'large':
          this.ledger.effect(key, output);
          return answer({ success: true, data: output, metadata: {}, artifacts: [] });
        case 'hang':
          return;
        case 'hang after the effect':
          return this.ledger.effect(key, output);
        case 'reply lost':
          this.ledger.effect(key, output);
          return fail('transient', 'CONNECTION_LOST');
        case 'transient':
          return fail('transient', 'HTTP_503');
        case 'rate limited':
          return fail('transient', 'HTTP_429', random.between(1, 90) * 1_000);
        case 'garbage':
          return fail('transient', 'INVALID_ANSWER');
        case 'validation':
          return fail('validation', 'HTTP_422');
        case 'deferred':
          this.onDeferred(call);
          return answer(deferred);
        case 'fatal':
          return fail('fatal', 'HTTP_403');
      }
    };
    timeline.after(random.between(1, this.habits.slowestMs), finish);
  }
}

/** Always the same for a key and a size, so that the checker recognises a recorded output by its hash. */
export const outputFor = (key: string, step: string, isLarge: boolean): JsonObject => ({
  [step]: isLarge ? `${key} ${'x'.repeat(400)}` : key,
});

const failure = (type: ErrorType, code: string, retryAfterMs: number | null = null): AgentReply => ({
  success: false,
  error: { type, code, message: `The agent's answer: ${code}` },
  retryAfterMs,
});
