import {
  LogUnavailable,
  positionOf,
  SubscriptionDropped,
  type EventLog,
  type SubscriptionMessage,
} from '../../application/log/event-log.js';
import { Bell } from './bell.js';

export type Source = Pick<EventLog, 'head' | 'subscribe'>;

/** As it came, so that all followers get the same object. */
export type EventMessage = Extract<SubscriptionMessage, { kind: 'event' }>;

/**
 * The newest events of the streams that are shared, from one subscription for all followers. It reads on at the log's pace,
 * however slow a follower is: a follower that falls behind what is kept reads by itself until it is back.
 */
export class LogTail {
  last: bigint;
  followers = 0;
  /** Everything after this position, up to `last`, is in `events`. */
  private floor: bigint;
  private events: EventMessage[] = [];
  private failure: Error | undefined;
  private readonly ending = new AbortController();
  private readonly sleepers = new Set<() => void>();
  private readonly bell = new Bell(() => this.ring());

  private constructor(
    head: bigint | 'start',
    private readonly keptEvents: number,
  ) {
    this.floor = this.last = head === 'start' ? -1n : head;
  }

  /** @throws LogUnavailable */
  static async begin(
    log: Source,
    prefixes: readonly string[],
    keptEvents: number,
    onDropped: (error: SubscriptionDropped) => void,
  ): Promise<LogTail> {
    const head = await log.head();
    const tail = new LogTail(head, keptEvents);
    const { signal } = tail.ending;
    const from = (after: bigint | 'start') => log.subscribe({ prefix: prefixes, after, signal });
    void tail.pump(head, from, onDropped);
    return tail;
  }

  get isLost(): boolean {
    return this.failure !== undefined;
  }

  /** Whether what comes next for a follower that has come so far is here. */
  serves(position: bigint): boolean {
    return position >= this.floor;
  }

  end(): void {
    this.ending.abort();
    this.fail(new LogUnavailable('The subscription has ended'));
  }

  /** @throws LogUnavailable when the subscription is lost */
  mustBeOpen(): void {
    if (this.failure) throw this.failure;
  }

  /** A subscription that the server dropped is opened again at once, unseen by the followers. */
  private async pump(
    head: bigint | 'start',
    from: (after: bigint | 'start') => AsyncIterable<SubscriptionMessage>,
    onDropped: (error: SubscriptionDropped) => void,
  ): Promise<void> {
    for (let after = head; ;) {
      try {
        for await (const message of from(after)) this.take(message);
        return this.fail(new LogUnavailable('The subscription was ended by the server'));
      } catch (error) {
        const isDropped = error instanceof SubscriptionDropped && !this.ending.signal.aborted;
        if (!isDropped || this.last < 0n || this.last === after)
          return this.fail(error instanceof Error ? error : new LogUnavailable(String(error)));
        after = this.last;
        onDropped(error);
      }
    }
  }

  private take(message: SubscriptionMessage): void {
    const position = positionOf(message);
    // What is delivered again is there already.
    if (position === null || position <= this.last) return;
    if (message.kind === 'event') this.events.push(message);
    this.last = position;
    // By halves: dropping single events would move all others each time.
    if (this.events.length >= 2 * this.keptEvents) {
      this.events = this.events.slice(-this.keptEvents);
      this.floor = this.events[0]!.event.position - 1n;
    }
    // A caller that waits for the answer to an append, which came with these events, goes on before the followers do their work.
    this.bell.ringSoon();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.ring();
  }

  /** A copy: the follower may take its time with it. */
  eventsAfter(position: bigint): readonly EventMessage[] {
    let [low, high] = [0, this.events.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.events[middle]!.event.position > position) high = middle;
      else low = middle + 1;
    }
    return this.events.slice(low);
  }

  /** Calls `wake` once, when there is more, or the subscription is lost. */
  whenMore(wake: () => void): void {
    this.sleepers.add(wake);
  }

  forget(wake: () => void): void {
    this.sleepers.delete(wake);
  }

  private ring(): void {
    const woken = [...this.sleepers];
    this.sleepers.clear();
    for (const wake of woken) wake();
  }
}
