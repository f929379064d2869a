import { DamagedHistories, type DamagedHistory } from '../../src/application/workflow/histories.js';

export class InMemoryDamagedHistories extends DamagedHistories {
  /** By execution: the last event that the read tables would have. */
  readonly recorded = new Map<string, Readonly<{ revision: bigint; position: bigint }>>();
  private readonly damaged = new Map<string, DamagedHistory>();

  async lastOf(executionId: string) {
    return this.recorded.get(executionId) ?? null;
  }

  async note(damaged: DamagedHistory): Promise<boolean> {
    if (this.damaged.has(damaged.executionId)) return false;
    this.damaged.set(damaged.executionId, damaged);
    return true;
  }

  async clear(executionId: string): Promise<boolean> {
    return this.damaged.delete(executionId);
  }

  async list(after: string | null, limit: number): Promise<readonly DamagedHistory[]> {
    const ids = [...this.damaged.keys()].sort().filter((id) => after === null || id > after);
    return ids.slice(0, limit).map((id) => this.damaged.get(id)!);
  }

  async count(): Promise<number> {
    return this.damaged.size;
  }
}
