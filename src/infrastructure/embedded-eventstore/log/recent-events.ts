import type { Place } from './commit-check.js';
import type { StoredEvent } from '../wire/records.js';

/**
 * Where the newest events were written, by their ids: of an id that was written again, the first place, as EventStoreDB
 * has it. The oldest are forgotten first. In two halves: when the newer one
 * is full, the older one is dropped whole, which costs less than dropping one at a time.
 */
export class RecentEvents {
  private newer = new Map<string, Place>();
  private older: ReadonlyMap<string, Place> = new Map();

  /** @param limit at least half as many are remembered, and never more */
  constructor(private readonly limit: number) {}

  find(id: string): Place | undefined {
    return this.newer.get(id) ?? this.older.get(id);
  }

  add({ id, stream, revision, position }: StoredEvent): void {
    if (this.find(id)) return;
    this.newer.set(id, { stream, revision, position });
    if (this.newer.size < this.limit / 2) return;
    this.older = this.newer;
    this.newer = new Map();
  }

  clear(): void {
    this.newer = new Map();
    this.older = new Map();
  }
}
