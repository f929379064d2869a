import {
  LogUnavailable,
  positionOf,
  SubscriptionDropped,
  type EventLog,
  type RecordedEvent,
  type SubscriptionMessage,
} from '../../application/log/event-log.js';

export type SubscribeOptions = Parameters<EventLog['subscribe']>[0];
type Source = Pick<EventLog, 'head' | 'subscribe'>;

/** How far a follower has come; -1 before the first event. */
type Follower = { position: bigint };

/**
 * Subscriptions that share one: each event crosses the wire, and is read, once for all followers. A follower has a subscription
 * of its own until it has caught up, and again whenever it has fallen behind.
 */
export class SharedTail {
  private tail: Promise<LogTail> | undefined;

  /** @param prefixes of all streams that are shared; a follower of others has a subscription of its own for good */
  constructor(
    private readonly log: Source,
    private readonly prefixes: readonly string[],
    private readonly keptEvents: number,
    private readonly onDropped: (error: SubscriptionDropped) => void = () => undefined,
  ) {}

  subscribe(options: SubscribeOptions): AsyncIterable<SubscriptionMessage> {
    const wanted = [options.prefix].flat();
    const isShared = wanted.every((name) => this.prefixes.some((prefix) => name.startsWith(prefix)));
    return isShared ? this.join(options, wanted) : this.log.subscribe(options);
  }

  private async *join(options: SubscribeOptions, wanted: readonly string[]): AsyncGenerator<SubscriptionMessage> {
    const { after, signal } = options;
    if (signal.aborted) return;
    const tail = await this.present();
    try {
      const follower: Follower = { position: after === 'start' ? -1n : after };
      const matches = (stream: string) => wanted.some((prefix) => stream.startsWith(prefix));
      for (let isFirst = true; !signal.aborted; isFirst = false) {
        yield* this.catchUp(tail, follower, options, isFirst);
        yield* tail.follow(follower, matches, signal);
      }
    } finally {
      if (--tail.followers === 0) tail.end();
    }
  }

  /** Until the follower, if it is new, has caught up, and the tail has what comes next. */
  private async *catchUp(
    tail: LogTail,
    follower: Follower,
    { prefix, signal }: SubscribeOptions,
    isNew: boolean,
  ): AsyncGenerator<SubscriptionMessage> {
    let isCaughtUp = !isNew;
    // All of that was in the log before this subscription begins.
    const reached = tail.last;
    const after = follower.position < 0n ? 'start' : follower.position;
    for await (const message of this.log.subscribe({ prefix, after, signal })) {
      const position = positionOf(message) ?? reached;
      if (position > follower.position) follower.position = position;
      isCaughtUp ||= message.kind === 'caught-up';
      if (isNew || message.kind !== 'caught-up') yield message;
      if (isCaughtUp && tail.serves(follower)) return;
    }
  }

  /** The tail, with one follower more. */
  private async present(): Promise<LogTail> {
    const begun = (this.tail ??= LogTail.begin(this.log, this.prefixes, this.keptEvents, this.onDropped));
    const forget = () => {
      if (this.tail === begun) this.tail = undefined;
    };
    const tail = await begun.catch((error: unknown) => {
      forget();
      throw error;
    });
    if (tail.isLost) {
      forget();
      return this.present();
    }
    tail.followers++;
    return tail;
  }
}

/**
 * The newest events of the streams that are shared, from one subscription for all followers. It reads on at the log's pace,
 * however slow a follower is: a follower that falls behind what is kept reads by itself until it is back.
 */
class LogTail {
  last: bigint;
  followers = 0;
  /** Everything after this position, up to `last`, is in `events`. */
  private floor: bigint;
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
    if (message.kind === 'event') this.events.push(message.event);
    this.last = position;
    // By halves: dropping single events would move all others each time.
    if (this.events.length >= 2 * this.keptEvents) {
      this.events = this.events.slice(-this.keptEvents);
      this.floor = this.events[0]!.position - 1n;
    }
    this.ringSoon();
  }

  /**
   * Once for all that arrives together; and a caller that waits for the answer to an append, which came with these events, goes
   * on before the followers do their work.
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
