/** Executions that this instance does not take further, as the log refuses what it would append to them. */
import type { AppendRefusedReason } from '../log/event-log.js';

export type HeldBack = Readonly<{ reason: AppendRefusedReason; message: string; since: Date }>;

/** Beyond so many the oldest is forgotten: it is tried once more, and held back again. */
const REMEMBERED = 10_000;

/** Until an operator's order or another instance's event shows that the log takes events of the execution again, or a new start. */
export class HeldBackExecutions {
  private readonly held = new Map<string, HeldBack>();

  /** @returns false where it was held back already */
  hold(executionId: string, held: HeldBack): boolean {
    if (this.held.has(executionId)) return false;
    if (this.held.size >= REMEMBERED) this.held.delete(this.held.keys().next().value!);
    this.held.set(executionId, held);
    return true;
  }

  of(executionId: string): HeldBack | null {
    return this.held.get(executionId) ?? null;
  }

  get size(): number {
    return this.held.size;
  }

  /** @returns whether it was held back */
  release(executionId: string): boolean {
    return this.held.delete(executionId);
  }
}
