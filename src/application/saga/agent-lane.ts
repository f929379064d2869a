import {
  fullBucket,
  giveTokenBack,
  hasToken,
  nextTokenAt,
  takeToken,
  type RateLimit,
} from '../../domain/agent/bucket.js';
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
import type { Notify } from '../runtime/notices.js';
import { circuitNotice } from '../workflow/notices.js';

/** What one agent is asked to bear by one instance. */
export type AgentBounds = Readonly<{ concurrentCalls: number; rate: RateLimit; circuit: CircuitPolicy }>;

/** Of the line and the calls of one agent on this instance. Times are ISO-8601 UTC. */
export type LaneStatus = Readonly<{
  running: number;
  waiting: number;
  circuit: Readonly<{
    state: 'closed' | 'open' | 'half_open';
    since: string | null;
    nextTrialAt: string | null;
    recentFailures: number;
  }>;
}>;

/** Leave to call the agent once. To be ended once, with the call's result, or without where it was not made. */
export type Permit = Readonly<{ lane: AgentLane; isTrial: boolean }>;

/** One agent on this instance: who waits for it, how many calls it has, whether it may have another. */
export class AgentLane {
  readonly line = new Set<string>();
  private permits = 0;
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

  tryTake(now: number): Permit | undefined {
    const { concurrentCalls, rate } = this.bounds;
    const isFree = this.permits < concurrentCalls && lets(this.circuit, now) && hasToken(this.bucket, rate, now);
    if (!isFree) return undefined;
    const { circuit, isTrial } = beginCall(this.circuit, now);
    this.circuit = circuit;
    this.bucket = takeToken(this.bucket, rate, now);
    this.permits++;
    return { lane: this, isTrial };
  }

  /** Was the call made? Then its token is spent, whatever became of it. */
  end({ isTrial }: Permit, wasCalled: boolean, result: CallResult | null, now: number): void {
    this.permits--;
    if (!wasCalled) this.bucket = giveTokenBack(this.bucket, this.bounds.rate, now);
    if (result) {
      const { state } = this.circuit;
      this.circuit = endCall(this.circuit, this.bounds.circuit, result, isTrial, now);
      circuitNotice(this.agent, state, this.circuit.state, this.circuit.trialAt, this.tell);
    } else if (isTrial) this.circuit = abandonTrial(this.circuit, now);
  }

  /** When time alone may let a call through; null where it is up to a call that ends. */
  nextAt(now: number): number | null {
    const { circuit, bounds } = this;
    if (this.permits >= bounds.concurrentCalls || circuit.state === 'half_open') return null;
    const token = nextTokenAt(this.bucket, bounds.rate, now);
    return lets(circuit, now) ? token : Math.max(circuit.trialAt, token);
  }

  status(now: number): LaneStatus {
    const { state, since, trialAt } = this.circuit;
    const iso = (time: number) => new Date(time).toISOString();
    return {
      running: this.permits,
      waiting: this.line.size,
      circuit: {
        state,
        since: since === null ? null : iso(since),
        nextTrialAt: state === 'open' ? iso(trialAt) : null,
        recentFailures: recentFailures(this.circuit, this.bounds.circuit, now),
      },
    };
  }
}
