import TinyQueue from 'tinyqueue';
import type { Clock } from '../runtime/clock.js';
import { failpoint } from '../runtime/failpoint.js';

type Timer = Readonly<{ executionId: string; at: number; number: number }>;

/** Timers that were replaced stay in the queue until they are due, or until they outnumber the others. */
const LEFT_IN_QUEUE = 64;

/**
 * At most one timer for each execution; the sweep finds the executions beyond the limit. All timers wait behind one alarm of
 * the clock: ten thousand timers of the runtime would be larger than what is known of their executions.
 */
export class Timers {
  private readonly waiting = new Map<string, Timer>();
  private queue = soonestFirst([]);
  private alarm: Readonly<{ at: number; cancel: () => void }> | undefined;
  private made = 0;

  constructor(
    private readonly clock: Clock,
    private readonly limit: number,
    private readonly wake: (executionId: string) => void,
  ) {}

  /** Replaces an earlier timer of the same execution. */
  set(executionId: string, at: Date): void {
    if (this.waiting.get(executionId)?.at === at.getTime()) return;
    this.waiting.delete(executionId);
    if (this.waiting.size < this.limit) {
      const timer = { executionId, at: at.getTime(), number: this.made++ };
      this.waiting.set(executionId, timer);
      this.queue.push(timer);
    }
    if (this.queue.length > 2 * this.waiting.size + LEFT_IN_QUEUE)
      this.queue = soonestFirst([...this.waiting.values()]);
    this.setAlarm();
  }

  clearAll(): void {
    this.waiting.clear();
    this.queue = soonestFirst([]);
    this.setAlarm();
  }

  private setAlarm(): void {
    const at = this.next()?.at;
    if (at === this.alarm?.at) return;
    this.alarm?.cancel();
    this.alarm = at === undefined ? undefined : { at, cancel: this.clock.wakeAt(new Date(at), () => this.ring()) };
  }

  /** An execution that is woken may set its timer again at once. */
  private ring(): void {
    this.alarm = undefined;
    const now = this.clock.now().getTime();
    const due: string[] = [];
    for (let timer = this.next(); timer && timer.at <= now; timer = this.next()) {
      this.queue.pop();
      this.waiting.delete(timer.executionId);
      due.push(timer.executionId);
    }
    this.setAlarm();
    for (const executionId of due) {
      failpoint('timer-due');
      this.wake(executionId);
    }
  }

  private next(): Timer | undefined {
    for (let timer = this.queue.peek(); timer; timer = this.queue.peek()) {
      if (this.waiting.get(timer.executionId) === timer) return timer;
      this.queue.pop();
    }
    return undefined;
  }
}

const soonestFirst = (timers: Timer[]) => new TinyQueue(timers, (a, b) => a.at - b.at || a.number - b.number);
