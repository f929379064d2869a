import type { Place } from './commit-check.js';
import type { StoredEvent } from './records.js';

/** Where the newest events were written, by their ids; the oldest are forgotten first. */
export class RecentEvents {
  private readonly places = new Map<string, Place>();

  constructor(private readonly limit: number) {}

  find(id: string): Place | undefined {
    return this.places.get(id);
  }

  add({ id, stream, revision, position }: StoredEvent): void {
    this.places.set(id, { stream, revision, position });
    if (this.places.size <= this.limit) return;
    for (const oldest of this.places.keys()) return void this.places.delete(oldest);
  }

  clear(): void {
    this.places.clear();
  }
}
