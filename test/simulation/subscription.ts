/** One machine's subscription to the event log. */
import { LogUnavailable, type SubscriptionMessage } from '../../src/application/log/event-log.js';
import type { EventStore } from './event-store.js';
import type { Machine } from './machine.js';

/** Delivers in order; now and then it repeats some events, and now and then it is cut. */
export class Subscription {
  private readonly arrived: SubscriptionMessage[] = [];
  private lost: Error | null = null;
  private isUnderWay = false;
  private isCaughtUp = false;
  private waiting: () => void = () => undefined;

  constructor(
    private readonly store: EventStore,
    private readonly machine: Machine,
    private next: number,
  ) {}

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
    const signals: SubscriptionMessage[] = [];
    for (; this.next < length; this.next++) signals.push({ kind: 'event', event: this.store.eventAt(this.next) });
    if (!this.isCaughtUp) signals.push({ kind: 'caught-up' });
    this.isCaughtUp = true;
    this.machine.tell(() => {
      this.arrived.push(...signals);
      this.waiting();
    });
  }

  async *signals(signal: AbortSignal): AsyncGenerator<SubscriptionMessage> {
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
