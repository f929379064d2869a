import type { CallResult } from '../../domain/agent/circuit.js';
import type { Clock } from '../runtime/clock.js';
import type { Notify } from '../runtime/errors.js';
import { AgentQueue, type AdmittedCall, type AgentBounds, type AgentStatus } from './agent-queue.js';

type Limits = Readonly<{
  /** Calls at once on this instance, over all agents. */
  concurrentSteps: number;
  /** Executions in the queue of one agent; the limiter forgets those that find it full. */
  remembered: number;
}>;

/** What bounds an agent beside the count over all of them. */
export type AgentRules = Readonly<{
  boundsOf: (agent: string) => AgentBounds;
  /** False while an operator holds the agent, and as long as nobody knows whether one does. */
  mayCall: (agent: string) => boolean;
  /** Logs that a circuit opened or closed. */
  tell?: Notify;
}>;

const NO_BOUNDS: AgentBounds = {
  concurrentCalls: Infinity,
  rate: { calls: 0, windowMs: 1 },
  circuit: { consecutiveFailures: 0, failurePercent: 0, minimumCalls: 0, windowMs: 1, coolDownMs: 0 },
};

export const NO_RULES: AgentRules = { boundsOf: () => NO_BOUNDS, mayCall: () => true };

/**
 * Bounds the calls that run at once: over all agents, and for each. Nothing here blocks: an execution that gets no call may
 * wait in its agent's queue. When its turn comes, a place and a call are reserved for it, so that no other execution
 * overtakes. Agents take turns, so that one that is full, held or cut off keeps no execution from another.
 */
export class AgentLimiter {
  /** Places in use, of `concurrentSteps`. */
  private taken = 0;
  private closed = false;
  /** The agent that is served next first. */
  private readonly queues = new Map<string, AgentQueue>();
  /** By execution: each of these calls counts as a place, too. */
  private readonly reserved = new Map<string, AdmittedCall>();
  private readonly alarms = new Map<AgentQueue, () => void>();

  /** @param onTurn looks at an execution again; what is reserved for it is kept until this resolves */
  constructor(
    private readonly limits: Limits,
    private readonly rules: AgentRules,
    private readonly clock: Clock,
    private readonly onTurn: (executionId: string) => Promise<void>,
  ) {}

  /** A reservation that holds nothing yet. */
  reservation(executionId: string): Reservation {
    return new Reservation(this, executionId);
  }

  enqueue(agent: string, executionId: string): void {
    if (this.closed) return;
    const queue = this.queueOf(agent);
    if (queue.waiting.size < this.limits.remembered) queue.waiting.add(executionId);
    this.setAlarm(queue);
  }

  /** The execution has nothing to start. */
  dequeue(agent: string, executionId: string): void {
    this.queues.get(agent)?.waiting.delete(executionId);
  }

  /** Gives the calls that are free now to the executions that wait for them. */
  serve(): void {
    if (this.closed) return;
    for (let hasReserved = true; hasReserved;) {
      hasReserved = false;
      for (const queue of [...this.queues.values()]) if (this.reserveForFirst(queue)) hasReserved = true;
    }
    for (const queue of this.queues.values()) this.setAlarm(queue);
  }

  status(agent: string): AgentStatus & Readonly<{ bounds: AgentBounds }> {
    const queue = this.queueOf(agent);
    return { ...queue.status(this.now()), bounds: queue.bounds };
  }

  /** From here on no execution gets its turn. */
  close(): void {
    this.closed = true;
    for (const cancel of this.alarms.values()) cancel();
    this.alarms.clear();
    for (const queue of this.queues.values()) queue.waiting.clear();
  }

  mayCall(agent: string): boolean {
    return this.rules.mayCall(agent);
  }

  /** For a reservation. @param hasPlace whether it counts among `concurrentSteps` already */
  admit(agent: string, executionId: string, hasPlace: boolean): AdmittedCall | undefined {
    const reserved = this.reserved.get(executionId);
    if (!this.rules.mayCall(agent)) return undefined;
    if (reserved?.queue.agent === agent) {
      this.reserved.delete(executionId);
      if (hasPlace) this.taken--;
      return reserved;
    }
    if (!hasPlace && this.taken >= this.limits.concurrentSteps) return undefined;
    const queue = this.queueOf(agent);
    const call = queue.tryAdmit(this.now());
    if (!call) return undefined;
    if (!hasPlace) this.taken++;
    queue.waiting.delete(executionId);
    return call;
  }

  /** For a reservation. */
  endCall(call: AdmittedCall, wasMade: boolean, result: CallResult | null): void {
    call.queue.end(call, wasMade, result, this.now());
  }

  /** For a reservation. */
  leavePlace(): void {
    this.taken--;
  }

  private reserveForFirst(queue: AgentQueue): boolean {
    const [executionId] = queue.waiting;
    if (executionId === undefined || this.taken >= this.limits.concurrentSteps || this.reserved.has(executionId))
      return false;
    const call = this.rules.mayCall(queue.agent) ? queue.tryAdmit(this.now()) : undefined;
    if (!call) return false;
    // Its turn was now: the other agents come first the next time.
    this.queues.delete(queue.agent);
    this.queues.set(queue.agent, queue);
    queue.waiting.delete(executionId);
    this.taken++;
    this.reserved.set(executionId, call);
    void this.onTurn(executionId).finally(() => this.withdraw(executionId, call));
    return true;
  }

  /** The execution did not take up what was reserved for it. */
  private withdraw(executionId: string, call: AdmittedCall): void {
    if (this.reserved.get(executionId) !== call) return;
    this.reserved.delete(executionId);
    this.endCall(call, false, null);
    this.leavePlace();
    this.serve();
  }

  private setAlarm(queue: AgentQueue): void {
    this.alarms.get(queue)?.();
    this.alarms.delete(queue);
    const now = this.now();
    const at = queue.waiting.size > 0 && this.rules.mayCall(queue.agent) ? queue.nextAt(now) : null;
    // A call that is free now waits for a place over all agents, and the reservation that leaves one serves the queues.
    if (at === null || at <= now) return;
    const ring = () => {
      this.alarms.delete(queue);
      this.serve();
    };
    this.alarms.set(queue, this.clock.wakeAt(new Date(at), ring));
  }

  private queueOf(agent: string): AgentQueue {
    const present = this.queues.get(agent);
    if (present) return present;
    const queue = new AgentQueue(agent, this.rules.boundsOf(agent), this.now(), this.rules.tell);
    this.queues.set(agent, queue);
    return queue;
  }

  private now(): number {
    return this.clock.now().getTime();
  }
}

/** What one execution holds: a place among all, and leave to call one agent. To release it twice is harmless. */
export class Reservation {
  private call: AdmittedCall | undefined;
  private hasPlace = false;
  private wasMade = false;

  constructor(
    private readonly limiter: AgentLimiter,
    private readonly executionId: string,
  ) {}

  /** Leave to call that agent, in place of another that was not called. May be asked any number of times. */
  acquire(agent: string): boolean {
    if (this.call?.queue.agent === agent && !this.wasMade) return this.limiter.mayCall(agent);
    this.endCall(null);
    this.call = this.limiter.admit(agent, this.executionId, this.hasPlace);
    this.hasPlace ||= this.call !== undefined;
    return this.call !== undefined;
  }

  /** The agent is called now. */
  called(): void {
    this.wasMade = true;
  }

  /** The agent is free for others; the place is kept for the step that follows. */
  answered(result: CallResult | null): void {
    if (!this.wasMade) return;
    this.endCall(result);
    this.limiter.serve();
  }

  release(): void {
    this.endCall(null);
    if (this.hasPlace) {
      this.hasPlace = false;
      this.limiter.leavePlace();
    }
    this.limiter.serve();
  }

  private endCall(result: CallResult | null): void {
    if (this.call) this.limiter.endCall(this.call, this.wasMade, result);
    this.call = undefined;
    this.wasMade = false;
  }
}
