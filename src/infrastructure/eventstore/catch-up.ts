/**
 * Followers that are behind, and near each other: one subscription reads the log and decodes each event for all of them. It waits
 * for the slowest, as a subscription of one follower does; a follower that stands still is left behind, and reads by itself.
 */
import { positionOf, type EventLog, type SubscriptionMessage } from '../../application/log/event-log.js';
import type { Source } from './log-tail.js';
import { DEFAULT_CATCH_UP_LIMITS, SharedReading } from './shared-reading.js';

type Asked = Parameters<EventLog['subscribe']>[0];
type Next = IteratorResult<SubscriptionMessage>;

const OVER: Next = { done: true, value: undefined };

export class CatchUps {
  private readonly readings = new Set<SharedReading>();

  /** @param prefixes of all streams that a follower may ask for */
  constructor(
    private readonly log: Source,
    private readonly prefixes: readonly string[],
    private readonly limits = DEFAULT_CATCH_UP_LIMITS,
  ) {}

  /** @param known a position that the log has reached by now */
  follow(asked: Asked, known: bigint): CatchUpFollower {
    return new CatchUpFollower(asked, known, (position, at, present) => this.readingAt(position, at, present));
  }

  /** The oldest that serves it: so two readings that meet become one. */
  private readingAt(position: bigint, known: bigint, present?: SharedReading): SharedReading {
    for (const reading of this.readings) if (reading === present || reading.serves(position)) return reading;
    if (present) return present;
    const reading = new SharedReading(this.log, this.prefixes, position, known, this.limits, () =>
      this.readings.delete(reading),
    );
    this.readings.add(reading);
    return reading;
  }
}

/** One follower. Each event of each follower passes here: what has come is taken without a promise. */
export class CatchUpFollower {
  /** Of the message that it takes next. */
  number = 0;
  private readonly wanted: readonly string[];
  private position: bigint;
  private reading: SharedReading | undefined;
  /** The position is that of an event that it does not want. */
  private hasPassed = false;
  private isOver = false;
  private wakeUp: (() => void) | undefined;

  constructor(
    private readonly asked: Asked,
    private readonly known: bigint,
    private readonly readingAt: (position: bigint, known: bigint, present?: SharedReading) => SharedReading,
  ) {
    this.wanted = [asked.prefix].flat();
    this.position = asked.after === 'start' ? -1n : asked.after;
    asked.signal.addEventListener('abort', this.wake, { once: true });
  }

  get isWaiting(): boolean {
    return this.wakeUp !== undefined;
  }

  /** A position that the log had before what it reads was begun: a caught-up message stands for all up to it. */
  get begunAt(): bigint {
    return this.reading?.known ?? this.known;
  }

  /** @returns undefined where nothing has come yet */
  take(): SubscriptionMessage | undefined {
    const reading = (this.reading ??= this.join());
    for (let message = reading.message(this.number); message; message = reading.message(this.number)) {
      this.number++;
      reading.taken();
      const position = positionOf(message);
      if (position === null) return message;
      if (position <= this.position) continue;
      this.position = position;
      this.hasPassed = message.kind === 'event' && !this.wants(message.event.stream);
      if (!this.hasPassed) return message;
    }
    if (!this.hasPassed) return undefined;
    this.hasPassed = false;
    return { kind: 'checkpoint', position: this.position };
  }

  /** @throws LogUnavailable when the subscription is lost */
  async next(): Promise<Next> {
    while (!this.isOver && !this.asked.signal.aborted) {
      const message = this.take();
      if (message) return { done: false, value: message };
      if (this.hasMoved()) continue;
      this.reading?.mustBeOpen();
      await new Promise<void>((resolve) => (this.wakeUp = resolve));
    }
    this.leave();
    return OVER;
  }

  /** It goes on after the last message that it has taken, with another reading. */
  leftBehind(): void {
    const { reading } = this;
    this.reading = undefined;
    reading?.leave(this);
    this.wake();
  }

  leave(): void {
    this.isOver = true;
    this.asked.signal.removeEventListener('abort', this.wake);
    this.leftBehind();
  }

  readonly wake = (): void => {
    const { wakeUp } = this;
    this.wakeUp = undefined;
    wakeUp?.();
  };

  /** To an older reading that it has met. */
  private hasMoved(): boolean {
    const { reading } = this;
    if (!reading || reading.isCaughtUp || this.readingAt(this.position, this.known, reading) === reading) return false;
    this.leftBehind();
    return true;
  }

  private join(): SharedReading {
    const reading = this.readingAt(this.position, this.known);
    this.number = reading.join(this);
    return reading;
  }

  private wants(stream: string): boolean {
    for (const prefix of this.wanted) if (stream.startsWith(prefix)) return true;
    return false;
  }
}
