import type { Clock } from '../runtime/clock.js';

/** What was heard of the instances, as long as it is fresh: this process may have stood still since. */
export class WorkerLiveness {
  private heard: Readonly<{ alive: ReadonlySet<string>; until: number }> | null = null;

  constructor(private readonly clock: Clock) {}

  hear(alive: ReadonlySet<string>, forMs: number): void {
    this.heard = { alive, until: this.now() + forMs };
  }

  /** Where nothing is known, nobody is taken for dead. */
  isGone(worker: string): boolean {
    return this.heard !== null && this.now() < this.heard.until && !this.heard.alive.has(worker);
  }

  private now(): number {
    return this.clock.now().getTime();
  }
}
