import {
  deferred,
  Agents,
  type AgentCall,
  type AgentInfo,
  type AgentInput,
  type AgentReply,
  type Deferred,
} from '../application/agents/agents.js';
import { sleep, type Clock } from '../application/runtime/clock.js';
import type { OnError } from '../application/runtime/errors.js';
import type { JsonObject } from '../domain/json.js';
import { FunctionAgents } from '../infrastructure/agents/function-agents.js';
import { defaultAgentLimits } from '../infrastructure/agents/limits.js';
import { msOf } from './duration.js';
import type { FakeAgent, FakeContext } from './fakes.js';
import { settle } from './real-time.js';
import type { WorkInProgress } from './work-in-progress.js';

/** Reports under the token of that call. @returns whether the agent should go on */
type Report = (call: AgentCall, body: JsonObject) => Promise<boolean>;

/** Calls the functions of a test as production calls registered ones: input and result pass as JSON, within the same limits. */
export class TestAgents extends Agents {
  readonly calls: AgentCall[] = [];
  private readonly functions: FunctionAgents;

  constructor(
    private readonly agents: ReadonlyMap<string, FakeAgent>,
    private readonly clock: Clock,
    private readonly work: WorkInProgress,
    private readonly report: Report,
    private readonly onError: OnError,
  ) {
    super();
    this.functions = new FunctionAgents(clock, defaultAgentLimits);
  }

  call(call: AgentCall): Promise<AgentReply | Deferred> {
    const { agent, input } = call;
    this.calls.push(call);
    const count = this.calls.filter((earlier) => earlier.agent === agent && earlier.input.step === input.step).length;
    return new Promise((resolve) => {
      let hasTaken = false;
      const taken = () => {
        hasTaken = true;
        resolve(deferred);
      };
      const answered = (reply: AgentReply) => (hasTaken ? this.reportResult(call, reply) : resolve(reply));
      const failed = (error: unknown) => this.onError(`The result of agent "${agent}" could not be reported`, error);
      this.run(call, count, taken).then(answered).catch(failed);
    });
  }

  list(): readonly AgentInfo[] {
    return [...this.agents.keys()].map((name) => ({ name, kind: 'function', url: null }));
  }

  private async run(call: AgentCall, count: number, taken: () => void): Promise<AgentReply> {
    const working = this.work.begin(`agent "${call.agent}" in step "${call.input.step}"`, call.signal);
    const more: Omit<FakeContext, 'signal' | 'idempotencyKey' | 'deadline' | 'traceparent'> = {
      call: count,
      wait: (duration) =>
        working.waits(
          duration === 'forever' ? aborted(call.signal) : sleep(this.clock, msOf(duration, 'wait'), call.signal),
        ),
      takeTask: async () => {
        taken();
        // Until the executor has recorded it.
        await settle();
      },
      heartbeat: (progress = {}) => this.report(call, { type: 'heartbeat', ...progress }),
    };
    const agent = this.agents.get(call.agent)!;
    const reply = await this.functions.call(call, (input: AgentInput, context) =>
      agent(input, { ...context, ...more }),
    );
    working.end();
    return reply;
  }

  private async reportResult(call: AgentCall, reply: AgentReply): Promise<void> {
    if (!reply.success) {
      const { error, retryAfterMs } = reply;
      await this.report(call, { type: 'fail', error, retry_after_ms: retryAfterMs });
      return;
    }
    const { data, metadata } = reply;
    const artifacts = reply.artifacts.map(({ name, contentType, content }) => ({
      name,
      content_type: contentType,
      content_base64: Buffer.from(content).toString('base64'),
    }));
    await this.report(call, { type: 'complete', data, metadata, artifacts });
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
