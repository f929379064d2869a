import { fullBucket, giveTokenBack, hasToken, nextTokenAt, takeToken, type RateLimit } from '../../domain/bucket.js';
import {
  abandonTrial,
  beginCall,
  endCall,
  lets,
  newCircuit,
  recentFailures,
  type CallResult,
  type CircuitPolicy,
} from '../../domain/agent/circuit.js';
import type { Notify } from '../runtime/errors.js';
import { circuitNotice } from '../workflow/notices.js';

/** The most that one instance asks of one agent. */
export type AgentBounds = Readonly<{ concurrentCalls: number; rate: RateLimit; circuit: CircuitPolicy }>;

/** The queue and the calls of one agent on this instance. Times are ISO-8601 UTC. */
export type AgentStatus = Readonly<{
  running: number;
  waiting: number;
  circuit: Readonly<{
    state: 'closed' | 'open' | 'half_open';
    since: string | null;
    nextTrialAt: string | null;
    recentFailures: number;
  }>;
}>;

/** One call that an agent's bounds allow. It ends once, by `end`, also where it was never made. */
export type AdmittedCall = Readonly<{ queue: AgentQueue; isTrial: boolean }>;

/** One agent on this instance: which executions wait for it, how many calls it has, whether it may have another. */
export class AgentQueue {
  /** Ids of executions, the first in the queue first. */
  readonly waiting = new Set<string>();
  private running = 0;
  private circuit = newCircuit;
  private bucket;

  constructor(
    readonly agent: string,
    readonly bounds: AgentBounds,
    now: number,
    private readonly tell: Notify = () => undefined,
  ) {
    this.bucket = fullBucket(bounds.rate, now);
  }

  /** Undefined where the agent has its calls, has had those of its window, or its circuit is open. */
  tryAdmit(now: number): AdmittedCall | undefined {
    const { concurrentCalls, rate } = this.bounds;
    const isFree = this.running < concurrentCalls && lets(this.circuit, now) && hasToken(this.bucket, rate, now);
    if (!isFree) return undefined;
    const { circuit, isTrial } = beginCall(this.circuit, now);
    this.circuit = circuit;
    this.bucket = takeToken(this.bucket, rate, now);
    this.running++;
    return { queue: this, isTrial };
  }

  /** A call that was made has spent its token, whatever came of it. */
  end({ isTrial }: AdmittedCall, wasMade: boolean, result: CallResult | null, now: number): void {
    this.running--;
    if (!wasMade) this.bucket = giveTokenBack(this.bucket, this.bounds.rate, now);
    if (result) {
      const { state } = this.circuit;
      this.circuit = endCall(this.circuit, this.bounds.circuit, result, isTrial, now);
      circuitNotice(this.agent, state, this.circuit.state, this.circuit.trialAt, this.tell);
    } else if (isTrial) this.circuit = abandonTrial(this.circuit, now);
  }

  /** When time alone may let a call through; null where a call has to end first. */
  nextAt(now: number): number | null {
    const { circuit, bounds } = this;
    if (this.running >= bounds.concurrentCalls || circuit.state === 'half_open') return null;
    const token = nextTokenAt(this.bucket, bounds.rate, now);
    return lets(circuit, now) ? token : Math.max(circuit.trialAt, token);
  }

  status(now: number): AgentStatus {
    const { state, since, trialAt } = this.circuit;
    const iso = (time: number) => new Date(time).toISOString();
    return {
      running: this.running,
      waiting: this.waiting.size,
      circuit: {
        state,
        since: since === null ? null : iso(since),
        nextTrialAt: state === 'open' ? iso(trialAt) : null,
        recentFailures: recentFailures(this.circuit, this.bounds.circuit, now),
      },
    };
  }
}
