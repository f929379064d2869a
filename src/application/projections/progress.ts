import type { Poison, ProjectionCheckpoint, ProjectionWrite } from './projection-store.js';

/** Where one projection stands, in the words of what was committed last. */
export class Progress {
  private readonly held = new Map<string, Poison>();

  constructor(
    private current: ProjectionCheckpoint | null,
    poisoned: readonly Poison[],
  ) {
    for (const poison of poisoned) this.held.set(poison.executionId, poison);
  }

  get checkpoint(): ProjectionCheckpoint | null {
    return this.current;
  }

  get poisoned(): readonly Poison[] {
    return [...this.held.values()];
  }

  isHeld(executionId: string): boolean {
    return this.held.has(executionId);
  }

  isBehind(position: bigint): boolean {
    return this.current === null || this.current.position < position;
  }

  committed({ poisoned, healed, checkpoint }: ProjectionWrite): void {
    for (const poison of poisoned) this.held.set(poison.executionId, poison);
    for (const executionId of healed) this.held.delete(executionId);
    if (checkpoint) this.current = checkpoint;
  }
}
