/** Clients that start and control executions. */
import { ControlWorkflow, type ControlOrder } from '../../src/application/commands/control-workflow.js';
import { StartWorkflow, type StartRequest } from '../../src/application/commands/start-workflow.js';
import { IdempotencyKeyReused } from '../../src/application/runtime/errors.js';
import { executionIdFor, stepId } from '../../src/application/log/ids.js';
import type { Outcome } from '../../src/application/workflow/fold-cache.js';
import { CommandRejected } from '../../src/domain/decider.js';
import type { Caller } from '../../src/application/commands/caller.js';
import type { Cluster } from './cluster.js';
import type { Instance } from './instance.js';
import type { Random } from '../../src/testing/random.js';
import { isPassing, type Requests } from './requests.js';
import type { Scenario } from './scenario.js';

const STEPS = ['one', 'two', 'three'];
const ATTEMPTS = 8;

export type Acknowledged = Readonly<{ verb: string; executionId: string; key: string | null; outcome: Outcome }>;

export class Clients {
  /** Ids of all started executions, whether or not a client got an answer. */
  readonly executions: string[] = [];
  readonly acknowledged: Acknowledged[] = [];
  /** Answers that a client should not get: neither a conflict nor a store that is away. */
  readonly unexpected: string[] = [];
  private keys = 0;

  constructor(
    private readonly cluster: Cluster,
    private readonly random: Random,
    private readonly scenario: Scenario,
    private readonly requests: Requests,
  ) {}

  start(): void {
    const { random, scenario } = this;
    const { documentType } = random.pick(scenario.definitions);
    const key = `start-${this.keys++}`;
    const executionId = executionIdFor(key);
    const request = {
      projectId: 'project',
      documentType,
      triggeredBy: 'ann',
      autoExecute: random.chance(0.8),
      metadata: {},
    };
    this.executions.push(executionId);
    this.cluster.happenings.count('start sent');
    this.ask(request, key, ATTEMPTS);
    if (random.chance(0.15)) {
      this.cluster.happenings.count('start sent twice');
      this.ask(request, key, 1);
    }
    if (scenario.reusedKeys > 0 && random.chance(scenario.reusedKeys)) {
      this.cluster.happenings.count('key used for another start');
      this.ask({ ...request, metadata: { other: true } }, key, 3);
    }
  }

  private ask(request: StartRequest, key: string, attempts: number): void {
    const send = async ({ start }: Instance) => {
      const outcome = await start.execute(new StartWorkflow(request, callerWith(key)));
      const { metadata } = outcome.answer;
      if (metadata['other'] !== request.metadata['other']) this.unexpected.push('start: the answer to another request');
      return outcome;
    };
    this.request('start', executionIdFor(key), key, send, attempts);
  }

  control(): void {
    const { random } = this;
    if (this.executions.length === 0) return;
    const executionId = random.pick(this.executions);
    const order = this.order(executionId);
    const key = random.chance(0.6) ? `control-${this.keys++}` : null;
    this.cluster.happenings.count(`command ${order.type}`);
    const send = ({ control }: Instance) => control.execute(new ControlWorkflow(executionId, order, callerWith(key)));
    this.request(order.type, executionId, key, send, key ? 3 : 1);
    if (key && random.chance(0.4)) {
      this.cluster.happenings.count('command sent twice');
      this.request(order.type, executionId, key, send, 1);
    }
    if (order.type === 'CancelWorkflow' && random.chance(0.7)) this.regret(executionId);
    // Another operator sends a command at the same moment.
    if (random.chance(0.3)) this.control();
  }

  /** A cancel is final: an operator who retries its steps, soon or late, is refused. */
  private regret(executionId: string): void {
    const { cluster, random } = this;
    for (const step of STEPS) {
      const order: ControlOrder = { type: 'RetryStep', data: { stepId: stepId(executionId, step) } };
      const send = ({ control }: Instance) =>
        control.execute(new ControlWorkflow(executionId, order, callerWith(null)));
      cluster.timeline.after(random.between(0, 30_000), () => {
        cluster.happenings.count('retry after a cancel');
        this.request(order.type, executionId, null, send, 1);
      });
    }
  }

  private order(executionId: string): ControlOrder {
    const type = this.random.weighted({
      PauseWorkflow: 3,
      ResumeWorkflow: 3,
      CancelWorkflow: 0.6,
      RetryStep: 3,
      ExecuteNextStep: 2,
      ExecuteRemaining: 1.5,
    });
    if (type !== 'RetryStep') return { type, data: {} };
    return { type, data: { stepId: stepId(executionId, this.random.pick(['one', 'one', 'two', 'three'])) } };
  }

  private request(
    verb: string,
    executionId: string,
    key: string | null,
    send: (instance: Instance) => Promise<Outcome>,
    attempts: number,
  ): void {
    const { happenings } = this.cluster;
    const what = `${verb} ${executionId.slice(0, 8)} ${key ?? ''}`;
    const answered = (outcome: Outcome) => {
      this.acknowledged.push({ verb, executionId, key, outcome });
      happenings.count(verb === 'start' ? 'start acknowledged' : 'command acknowledged');
      happenings.tell(() => `client: ${what} is accepted at revision ${outcome.revision}`);
    };
    let isThere = false;
    const sent = (instance: Instance) => {
      // A start that is acknowledged later may have come later. Of a step it may be true: some that are retried do not exist.
      isThere = verb !== 'RetryStep' && this.acknowledged.some((it) => it.executionId === executionId);
      return send(instance);
    };
    const refused = (error: unknown) => {
      if (error instanceof CommandRejected && error.kind === 'NotFound' && isThere)
        this.unexpected.push(`${verb}: ${String(error)}, and its start was accepted`);
      if (error instanceof CommandRejected || error instanceof IdempotencyKeyReused) {
        happenings.count(error instanceof CommandRejected ? 'command rejected' : 'key refused');
        return false;
      }
      if (!isPassing(error)) this.unexpected.push(`${verb}: ${String(error)}`);
      return true;
    };
    this.requests.make({ what, attempts, send: sent, answered, refused });
  }
}

const callerWith = (idempotencyKey: string | null): Caller => ({
  actor: { type: 'user', id: 'ann' },
  reason: null,
  idempotencyKey,
  traceparent: null,
});
