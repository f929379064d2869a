import type { Clock } from '../runtime/clock.js';

/** The workers that were heard of, as long as that is fresh: this process may have stood still since. */
export class WorkerLiveness {
  private heard: Readonly<{ alive: ReadonlySet<string>; until: number }> | null = null;

  constructor(private readonly clock: Clock) {}

  hear(alive: ReadonlySet<string>, forMs: number): void {
    this.heard = { alive, until: this.now() + forMs };
  }

  /** False where nothing fresh is known: the saga takes no step from a worker that may live. */
  isGone(worker: string): boolean {
    return this.heard !== null && this.now() < this.heard.until && !this.heard.alive.has(worker);
  }

  private now(): number {
    return this.clock.now().getTime();
  }
}
