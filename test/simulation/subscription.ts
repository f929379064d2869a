/** One machine's subscription to the event log. */
import { LogUnavailable } from '../../src/application/log/event-log.js';
import type { StreamMessage } from '../../src/infrastructure/eventstore/read-messages.js';
import type { EventStore } from './event-store.js';
import type { Machine } from './machine.js';

/**
 * Delivers in order; now and then it repeats some events, and now and then it is cut. What its machine appended itself it has
 * to know already: of that it delivers the places alone.
 */
export class Subscription {
  private readonly arrived: StreamMessage[] = [];
  private lost: Error | null = null;
  private isUnderWay = false;
  private isCaughtUp = false;
  /** What was there before it began, and what is delivered again, comes whole. */
  private whole: number;
  private waiting: () => void = () => undefined;

  constructor(
    private readonly store: EventStore,
    private readonly machine: Machine,
    private next: number,
    private readonly isWanted: (stream: string) => boolean,
  ) {
    this.whole = store.length;
  }

  look(): void {
    if (this.isUnderWay) return;
    this.isUnderWay = true;
    this.store.timeline.after(this.store.random.between(0, 5), () => {
      this.isUnderWay = false;
      this.deliver();
    });
  }

  lose(): void {
    this.store.close(this);
    this.machine.tell(() => {
      this.lost = new LogUnavailable('The subscription is lost');
      this.waiting();
    });
  }

  private deliver(): void {
    const { random, faults, happenings, length } = this.store;
    if (this.lost) return;
    if (random.chance(faults.disconnect)) {
      happenings.count('subscription cut');
      return this.lose();
    }
    if (this.next > 0 && random.chance(faults.redelivery)) {
      happenings.count('redelivery');
      this.next = Math.max(0, this.next - random.between(1, 4));
    }
    const signals: StreamMessage[] = [];
    for (; this.next < length; this.next++) this.add(signals, this.next);
    this.whole = Math.max(this.whole, length);
    if (!this.isCaughtUp) signals.push({ kind: 'caught-up' });
    this.isCaughtUp = true;
    this.machine.tell(() => {
      this.arrived.push(...signals);
      this.waiting();
    });
  }

  private add(signals: StreamMessage[], index: number): void {
    const event = this.store.eventAt(index);
    if (index < this.whole || !this.store.isOwn(event, this.machine))
      return void signals.push({ kind: 'event', event });
    if (!this.isWanted(event.stream)) return;
    const before = signals.at(-1);
    // Places may end anywhere, also within an append.
    const isRun = before?.kind === 'own' && !this.store.random.chance(0.3);
    if (isRun) signals.pop();
    signals.push({ kind: 'own', position: event.position, count: (isRun ? before.count : 0) + 1 });
  }

  async *signals(signal: AbortSignal): AsyncGenerator<StreamMessage> {
    const leave = () => this.waiting();
    signal.addEventListener('abort', leave, { once: true });
    try {
      while (!signal.aborted) {
        const next = this.arrived.shift();
        if (next) yield next;
        else if (this.lost) throw this.lost;
        else await new Promise<void>((resolve) => (this.waiting = resolve));
      }
    } finally {
      signal.removeEventListener('abort', leave);
      this.store.close(this);
    }
  }
}
