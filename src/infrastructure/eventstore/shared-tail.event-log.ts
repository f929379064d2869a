import {
  EventLog,
  type Appended,
  type ExpectedRevision,
  type SubscriptionMessage,
  type NewEvent,
  type PageAsked,
  type RecordedEvent,
} from '../../application/log/event-log.js';
import { LogTail, type Follower } from './log-tail.js';

export type SharedTailLimits = Readonly<{
  /** Events kept for followers that are not the fastest, at least; at most twice as many. */
  keptEvents: number;
}>;

const DEFAULTS: SharedTailLimits = { keptEvents: 500 };

type Subscribing = Parameters<EventLog['subscribe']>[0];

/**
 * A log whose followers share one subscription: each event crosses the wire, and is read, once for all of them. A follower
 * has a subscription of its own until it has caught up, and again whenever it has fallen behind.
 */
export class SharedTailEventLog extends EventLog {
  private tail: Promise<LogTail> | undefined;

  /** @param prefixes of all streams that are followed; who follows others has a subscription of its own for good */
  constructor(
    private readonly log: EventLog,
    private readonly prefixes: readonly string[],
    private readonly limits: SharedTailLimits = DEFAULTS,
  ) {
    super();
  }

  read(stream: string, from?: bigint) {
    return this.log.read(stream, from);
  }

  readPage(stream: string, page: PageAsked): Promise<readonly RecordedEvent[]> {
    return this.log.readPage(stream, page);
  }

  append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<Appended> {
    return this.log.append(stream, events, expected);
  }

  head(): Promise<bigint | 'start'> {
    return this.log.head();
  }

  page(after: bigint | 'start', limit: number): Promise<readonly RecordedEvent[]> {
    return this.log.page(after, limit);
  }

  async *subscribe(options: Subscribing): AsyncGenerator<SubscriptionMessage> {
    const { after, signal } = options;
    const wanted = [options.prefix].flat();
    if (!wanted.every((one) => this.prefixes.some((prefix) => one.startsWith(prefix)))) {
      yield* this.log.subscribe(options);
      return;
    }
    if (signal.aborted) return;
    const tail = await this.join();
    try {
      const follower: Follower = { position: after === 'start' ? -1n : after };
      const matches = (stream: string) => wanted.some((prefix) => stream.startsWith(prefix));
      for (let isFirst = true; !signal.aborted; isFirst = false) {
        yield* this.catchUp(tail, follower, options, isFirst);
        yield* tail.follow(follower, matches, signal);
      }
    } finally {
      this.leave(tail);
    }
  }

  /** Until it has caught up, where it is new, and the tail has what comes next. */
  private async *catchUp(
    tail: LogTail,
    follower: Follower,
    { prefix, signal }: Subscribing,
    isNew: boolean,
  ): AsyncGenerator<SubscriptionMessage> {
    let isCaughtUp = !isNew;
    // All of that was in the log before this subscription begins.
    const reached = tail.last;
    const after = follower.position < 0n ? 'start' : follower.position;
    for await (const seen of this.log.subscribe({ prefix, after, signal })) {
      const position =
        seen.kind === 'event' ? seen.event.position : seen.kind === 'checkpoint' ? seen.position : reached;
      if (position > follower.position) follower.position = position;
      isCaughtUp ||= seen.kind === 'caught-up';
      if (isNew || seen.kind !== 'caught-up') yield seen;
      if (isCaughtUp && tail.serves(follower)) return;
    }
  }

  private async join(): Promise<LogTail> {
    const begun = (this.tail ??= LogTail.begin(this.log, this.prefixes, this.limits.keptEvents));
    const forget = () => {
      if (this.tail === begun) this.tail = undefined;
    };
    const tail = await begun.catch((error: unknown) => {
      forget();
      throw error;
    });
    if (tail.isLost) {
      forget();
      return this.join();
    }
    tail.followers++;
    return tail;
  }

  private leave(tail: LogTail): void {
    if (--tail.followers === 0) tail.end();
  }
}
