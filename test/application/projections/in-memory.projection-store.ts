import {
  ProjectionStore,
  type Poison,
  type ProjectionCheckpoint,
  type ProjectionLease,
  type ProjectionWrite,
} from '../../../src/application/projections/projection-store.js';

/** Takes note of what is written. Can be kept busy, taken away, and made to fail. */
export class InMemoryProjectionStore extends ProjectionStore {
  readonly writes: (readonly ProjectionWrite[])[] = [];
  private readonly current = new Map<string, ProjectionCheckpoint>();
  private leader: AbortController | null = null;
  private gate: Promise<void> = Promise.resolve();

  async tryLead(): Promise<ProjectionLease | null> {
    if (this.leader) return null;
    const leader = (this.leader = new AbortController());
    return {
      lost: leader.signal,
      apply: async (writes) => {
        await this.gate;
        if (this.leader !== leader) throw new Error('The session is gone');
        this.writes.push(writes);
        for (const { projection, checkpoint } of writes) if (checkpoint) this.current.set(projection, checkpoint);
      },
      close: async () => {
        if (this.leader === leader) this.leader = null;
      },
    };
  }

  async checkpoints(): Promise<ReadonlyMap<string, ProjectionCheckpoint>> {
    return this.current;
  }

  async poisoned(): Promise<readonly Poison[]> {
    return [];
  }

  /** Keeps whatever is written from now on waiting. @returns what lets it through */
  keepBusy(): () => void {
    let release: () => void = () => undefined;
    this.gate = new Promise((resolve) => (release = resolve));
    return release;
  }

  takeAway(): void {
    this.leader?.abort();
    this.leader = null;
  }
}
