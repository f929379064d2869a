/** Executions that this instance does not take further, as the log refuses what it would append to them. */
import { AppendRefused, HistoryDamaged, StreamTombstoned, type AppendRefusedReason } from '../log/event-log.js';

export type HeldBack = Readonly<{ reason: AppendRefusedReason; message: string; since: Date }>;

/** Beyond so many the oldest is forgotten: it is tried once more, and held back again. */
const REMEMBERED = 10_000;

/**
 * Until an operator's order or another instance's event shows that the log takes events of the execution again, or a new start.
 * Those for which rights are missing are tried again now and then (RightsTrial).
 */
export class HeldBackExecutions {
  private readonly held = new Map<string, HeldBack>();

  /** @returns false where it was held back already */
  hold(executionId: string, held: HeldBack): boolean {
    if (this.held.has(executionId)) return false;
    if (this.held.size >= REMEMBERED) this.held.delete(this.held.keys().next().value!);
    this.held.set(executionId, held);
    return true;
  }

  /**
   * Holds back what the log refuses for good. Damage is recorded and logged where it is found, and the execution is looked at
   * again when someone has changed its stream.
   * @returns whether an operator should read of it; null where the same may be tried again
   */
  refused(executionId: string, error: unknown, since: Date): Readonly<{ isNews: boolean }> | null {
    if (error instanceof AppendRefused) {
      const { reason, message } = error;
      return { isNews: this.hold(executionId, { reason, message, since }) };
    }
    if (error instanceof StreamTombstoned) this.hold(executionId, { reason: 'deleted', message: error.message, since });
    return error instanceof HistoryDamaged ? { isNews: false } : null;
  }

  of(executionId: string): HeldBack | null {
    return this.held.get(executionId) ?? null;
  }

  /** The oldest first. */
  withReason(reason: AppendRefusedReason): readonly string[] {
    return [...this.held].filter(([, held]) => held.reason === reason).map(([executionId]) => executionId);
  }

  get size(): number {
    return this.held.size;
  }

  /** @returns whether it was held back */
  release(executionId: string): boolean {
    return this.held.delete(executionId);
  }
}
