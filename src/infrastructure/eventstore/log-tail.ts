import {
  LogUnavailable,
  type EventLog,
  type SubscriptionMessage,
  type RecordedEvent,
} from '../../application/log/event-log.js';

/** How far one who follows has come; -1 before the first event. */
export type Follower = { position: bigint };

/**
 * The newest events of the streams that are followed, from one subscription for all who follow. It reads on at the log's
 * pace, whoever is slow: who falls behind what is kept reads by himself until he is back.
 */
export class LogTail {
  /** Everything after this position, up to `last`, is in `events`. */
  floor: bigint;
  last: bigint;
  followers = 0;
  private events: RecordedEvent[] = [];
  private failure: Error | undefined;
  private readonly ending = new AbortController();
  private readonly sleepers = new Set<() => void>();
  private isRinging = false;

  private constructor(
    head: bigint | 'start',
    private readonly keptEvents: number,
  ) {
    this.floor = this.last = head === 'start' ? -1n : head;
  }

  /** @throws LogUnavailable */
  static async begin(log: EventLog, prefixes: readonly string[], keptEvents: number): Promise<LogTail> {
    const head = await log.head();
    const tail = new LogTail(head, keptEvents);
    void tail.pump(log.subscribe({ prefix: prefixes, after: head, signal: tail.ending.signal }));
    return tail;
  }

  get isLost(): boolean {
    return this.failure !== undefined;
  }

  serves({ position }: Follower): boolean {
    return position >= this.floor;
  }

  end(): void {
    this.ending.abort();
    this.fail(new LogUnavailable('The subscription has ended'));
  }

  /** Ends when the follower has fallen behind, and on `signal`. @throws LogUnavailable when the subscription is lost */
  async *follow(
    follower: Follower,
    matches: (stream: string) => boolean,
    signal: AbortSignal,
  ): AsyncGenerator<SubscriptionMessage> {
    while (!signal.aborted && this.serves(follower)) {
      if (this.failure) throw this.failure;
      const reached = this.last;
      if (follower.position >= reached) {
        await this.more(signal);
        continue;
      }
      for (const event of this.after(follower.position)) {
        if (!matches(event.stream)) continue;
        follower.position = event.position;
        yield { kind: 'event', event };
        if (signal.aborted) return;
      }
      if (follower.position >= reached) continue;
      follower.position = reached;
      yield { kind: 'checkpoint', position: reached };
    }
  }

  private async pump(subscription: AsyncIterable<SubscriptionMessage>): Promise<void> {
    try {
      for await (const seen of subscription) this.take(seen);
      this.fail(new LogUnavailable('The subscription was ended by the server'));
    } catch (error) {
      this.fail(error instanceof Error ? error : new LogUnavailable(String(error)));
    }
  }

  private take(seen: SubscriptionMessage): void {
    if (seen.kind === 'caught-up') return;
    const position = seen.kind === 'event' ? seen.event.position : seen.position;
    // What is delivered again is there already.
    if (position <= this.last) return;
    if (seen.kind === 'event') this.events.push(seen.event);
    this.last = position;
    // By halves: dropping them one by one would move all the others each time.
    if (this.events.length >= 2 * this.keptEvents) {
      this.events = this.events.slice(-this.keptEvents);
      this.floor = this.events[0]!.position - 1n;
    }
    this.ringSoon();
  }

  /**
   * Once for all that arrives together; and whoever waits for the answer to an append, which came with these events, goes
   * on before those who follow do their work.
   */
  private ringSoon(): void {
    if (this.isRinging) return;
    this.isRinging = true;
    setImmediate(() => {
      this.isRinging = false;
      this.ring();
    });
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.ring();
  }

  /** A copy: the follower may take its time with it. */
  private after(position: bigint): readonly RecordedEvent[] {
    let [low, high] = [0, this.events.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.events[middle]!.position > position) high = middle;
      else low = middle + 1;
    }
    return this.events.slice(low);
  }

  private more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        this.sleepers.delete(wake);
        resolve();
      };
      this.sleepers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  private ring(): void {
    for (const wake of [...this.sleepers]) wake();
  }
}
