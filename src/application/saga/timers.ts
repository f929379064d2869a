import TinyQueue from 'tinyqueue';
import type { Clock } from '../runtime/clock.js';
import { failpoint } from '../runtime/failpoint.js';

type Wish = Readonly<{ executionId: string; at: number; number: number }>;

/** Wishes that were taken back lie in the queue until they are due, or until there are more of them than of the others. */
const LEFT_IN_QUEUE = 64;

/**
 * One wish per execution to be woken; the sweep covers whatever exceeds the limit. All of them wait behind one wish to the
 * clock: of ten thousand executions each would have a timer otherwise, which is larger than what is known of the execution.
 */
export class Timers {
  private readonly waiting = new Map<string, Wish>();
  private queue = soonestFirst([]);
  private alarm: Readonly<{ at: number; cancel: () => void }> | undefined;
  private made = 0;

  constructor(
    private readonly clock: Clock,
    private readonly limit: number,
    private readonly wake: (executionId: string) => void,
  ) {}

  /** Replaces an earlier wish for the same execution. */
  set(executionId: string, at: Date): void {
    if (this.waiting.get(executionId)?.at === at.getTime()) return;
    this.waiting.delete(executionId);
    if (this.waiting.size < this.limit) {
      const wish = { executionId, at: at.getTime(), number: this.made++ };
      this.waiting.set(executionId, wish);
      this.queue.push(wish);
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

  /** Whoever is woken may wish anew at once. */
  private ring(): void {
    this.alarm = undefined;
    const now = this.clock.now().getTime();
    const due: string[] = [];
    for (let wish = this.next(); wish && wish.at <= now; wish = this.next()) {
      this.queue.pop();
      this.waiting.delete(wish.executionId);
      due.push(wish.executionId);
    }
    this.setAlarm();
    for (const executionId of due) {
      failpoint('timer-due');
      this.wake(executionId);
    }
  }

  private next(): Wish | undefined {
    for (let wish = this.queue.peek(); wish; wish = this.queue.peek()) {
      if (this.waiting.get(wish.executionId) === wish) return wish;
      this.queue.pop();
    }
    return undefined;
  }
}

const soonestFirst = (wishes: Wish[]) => new TinyQueue(wishes, (a, b) => a.at - b.at || a.number - b.number);
