import type { CallResult } from '../../domain/agent/circuit.js';
import type { Permit } from './agent-lane.js';

/** Where places and permits come from, and go back to. */
export type Places = Readonly<{
  mayCall: (agent: string) => boolean;
  take: (agent: string, key: string, hasPlace: boolean) => Permit | undefined;
  end: (permit: Permit, wasCalled: boolean, result: CallResult | null) => void;
  leavePlace: () => void;
  serve: () => void;
}>;

/** What one execution holds: a place among all, and leave to call one agent. Leaving twice is harmless. */
export class Seat {
  private permit: Permit | undefined;
  private hasPlace = false;
  private wasCalled = false;

  constructor(
    private readonly slots: Places,
    private readonly key: string,
  ) {}

  /** Leave to call that agent, instead of another that was not called. Any number of times. */
  takeFor(agent: string): boolean {
    if (this.permit?.lane.agent === agent && !this.wasCalled) return this.slots.mayCall(agent);
    this.endPermit(null);
    this.permit = this.slots.take(agent, this.key, this.hasPlace);
    this.hasPlace ||= this.permit !== undefined;
    return this.permit !== undefined;
  }

  /** From here on the permit is spent. */
  called(): void {
    this.wasCalled = true;
  }

  /** The agent is free for others; the place is kept for the step that follows. */
  answered(result: CallResult | null): void {
    if (!this.wasCalled) return;
    this.endPermit(result);
    this.slots.serve();
  }

  leave(): void {
    this.endPermit(null);
    if (this.hasPlace) {
      this.hasPlace = false;
      this.slots.leavePlace();
    }
    this.slots.serve();
  }

  private endPermit(result: CallResult | null): void {
    if (this.permit) this.slots.end(this.permit, this.wasCalled, result);
    this.permit = undefined;
    this.wasCalled = false;
  }
}
