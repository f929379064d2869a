import type { Clock } from '../clock.js';
import { failpoint } from '../failpoint.js';

/** One wish per execution to be woken; the sweep covers whatever exceeds the limit. */
export class Timers {
  private readonly waiting = new Map<string, Readonly<{ at: number; cancel: () => void }>>();

  constructor(
    private readonly clock: Clock,
    private readonly limit: number,
    private readonly wake: (executionId: string) => void,
  ) {}

  /** Replaces an earlier wish for the same execution. */
  set(executionId: string, at: Date): void {
    const present = this.waiting.get(executionId);
    if (present?.at === at.getTime()) return;
    this.clear(executionId);
    if (this.waiting.size >= this.limit) return;
    const cancel = this.clock.wakeAt(at, () => {
      failpoint('timer-due');
      this.waiting.delete(executionId);
      this.wake(executionId);
    });
    this.waiting.set(executionId, { at: at.getTime(), cancel });
  }

  clear(executionId: string): void {
    this.waiting.get(executionId)?.cancel();
    this.waiting.delete(executionId);
  }

  clearAll(): void {
    for (const executionId of [...this.waiting.keys()]) this.clear(executionId);
  }
}
