import type { CallResult } from '../../domain/agent/circuit.js';
import type { Clock } from '../runtime/clock.js';
import type { Notify } from '../runtime/notices.js';
import { AgentLane, type AgentBounds, type LaneStatus, type Permit } from './agent-lane.js';
import { Seat } from './seat.js';

export type SlotLimits = Readonly<{
  /** Calls at once on this instance, over all agents. */
  concurrentSteps: number;
  /** How many may wait in line for one agent; whoever finds it full is not called. */
  remembered: number;
}>;

/** What bounds an agent beside the count over all of them. */
export type AgentRules = Readonly<{
  boundsOf: (agent: string) => AgentBounds;
  /** Not while an operator holds it, nor as long as that is not known. */
  mayCall: (agent: string) => boolean;
  /** Hears of circuits that open and close. */
  tell?: Notify;
}>;

const NO_BOUNDS: AgentBounds = {
  concurrentCalls: Infinity,
  rate: { calls: 0, windowMs: 1 },
  circuit: { consecutiveFailures: 0, failurePercent: 0, minimumCalls: 0, windowMs: 1, coolDownMs: 0 },
};

export const NO_RULES: AgentRules = { boundsOf: () => NO_BOUNDS, mayCall: () => true };

/**
 * Bounds what runs at once: over all agents, and for each. Taking never blocks: who gets no slot may wait in its agent's
 * line, and is invited when one is free. The slot is kept for whoever is invited, so nobody overtakes; agents take turns,
 * so one that is full, held or cut off keeps nobody from another.
 */
export class Slots {
  private taken = 0;
  private closed = false;
  private readonly lanes = new Map<string, AgentLane>();
  private readonly invited = new Map<string, Permit>();
  private readonly alarms = new Map<AgentLane, () => void>();

  /** @param call to look at an execution again; until it resolves, a slot is kept for it */
  constructor(
    private readonly limits: SlotLimits,
    private readonly rules: AgentRules,
    private readonly clock: Clock,
    private readonly call: (key: string) => Promise<void>,
  ) {}

  /** A seat for one execution, which holds nothing yet. */
  seat(key: string): Seat {
    return new Seat(this, key);
  }

  waitInLine(agent: string, key: string): void {
    if (this.closed) return;
    const lane = this.laneOf(agent);
    if (lane.line.size < this.limits.remembered) lane.line.add(key);
    this.setAlarm(lane);
  }

  /** It has nothing to start any more. */
  leaveLine(agent: string, key: string): void {
    this.lanes.get(agent)?.line.delete(key);
  }

  /** Looks who may be called now. */
  serve(): void {
    if (this.closed) return;
    for (let invitedOne = true; invitedOne;) {
      invitedOne = false;
      for (const lane of [...this.lanes.values()]) if (this.inviteFrom(lane)) invitedOne = true;
    }
    for (const lane of this.lanes.values()) this.setAlarm(lane);
  }

  status(agent: string): LaneStatus & Readonly<{ bounds: AgentBounds }> {
    const lane = this.laneOf(agent);
    return { ...lane.status(this.now()), bounds: lane.bounds };
  }

  /** Nobody is called any more. */
  close(): void {
    this.closed = true;
    for (const cancel of this.alarms.values()) cancel();
    this.alarms.clear();
    for (const lane of this.lanes.values()) lane.line.clear();
  }

  mayCall(agent: string): boolean {
    return this.rules.mayCall(agent);
  }

  /** @param hasPlace whether the caller counts among `concurrentSteps` already */
  take(agent: string, key: string, hasPlace: boolean): Permit | undefined {
    const invitation = this.invited.get(key);
    if (!this.rules.mayCall(agent)) return undefined;
    if (invitation?.lane.agent === agent) {
      this.invited.delete(key);
      if (hasPlace) this.taken--;
      return invitation;
    }
    if (!hasPlace && this.taken >= this.limits.concurrentSteps) return undefined;
    const lane = this.laneOf(agent);
    const permit = lane.tryTake(this.now());
    if (!permit) return undefined;
    if (!hasPlace) this.taken++;
    lane.line.delete(key);
    return permit;
  }

  end(permit: Permit, wasCalled: boolean, result: CallResult | null): void {
    permit.lane.end(permit, wasCalled, result, this.now());
  }

  leavePlace(): void {
    this.taken--;
  }

  private inviteFrom(lane: AgentLane): boolean {
    const [key] = lane.line;
    if (key === undefined || this.taken >= this.limits.concurrentSteps || this.invited.has(key)) return false;
    const permit = this.rules.mayCall(lane.agent) ? lane.tryTake(this.now()) : undefined;
    if (!permit) return false;
    // Its turn was now: the other agents come first the next time.
    this.lanes.delete(lane.agent);
    this.lanes.set(lane.agent, lane);
    lane.line.delete(key);
    this.taken++;
    this.invited.set(key, permit);
    void this.call(key).finally(() => this.withdraw(key, permit));
    return true;
  }

  private withdraw(key: string, permit: Permit): void {
    if (this.invited.get(key) !== permit) return;
    this.invited.delete(key);
    this.end(permit, false, null);
    this.leavePlace();
    this.serve();
  }

  private setAlarm(lane: AgentLane): void {
    this.alarms.get(lane)?.();
    this.alarms.delete(lane);
    const now = this.now();
    const at = lane.line.size > 0 && this.rules.mayCall(lane.agent) ? lane.nextAt(now) : null;
    // What is free now waits for a place over all agents, and whoever leaves one serves the lines.
    if (at === null || at <= now) return;
    const wake = () => {
      this.alarms.delete(lane);
      this.serve();
    };
    this.alarms.set(lane, this.clock.wakeAt(new Date(at), wake));
  }

  private laneOf(agent: string): AgentLane {
    const present = this.lanes.get(agent);
    if (present) return present;
    const lane = new AgentLane(agent, this.rules.boundsOf(agent), this.now(), this.rules.tell);
    this.lanes.set(agent, lane);
    return lane;
  }

  private now(): number {
    return this.clock.now().getTime();
  }
}
