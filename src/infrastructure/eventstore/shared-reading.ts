import { setTimeout as sleep } from 'node:timers/promises';
import { LogUnavailable, positionOf, type SubscriptionMessage } from '../../application/log/event-log.js';
import { sizeOfMessage } from '../../application/log/event-size.js';
import type { Source } from './log-tail.js';
import { Bell } from './bell.js';

export type CatchUpLimits = Readonly<{
  /** What is kept of a reading: its followers are as far apart as that at most. */
  events: number;
  /** About, and one event more. */
  bytes: number;
  /** How long the first of it stays in any case, for followers that begin at about the same time. */
  companyMs: number;
  /** Takes a follower longer for half of it, while others wait, it is left behind. */
  patienceMs: number;
}>;

export const DEFAULT_CATCH_UP_LIMITS: CatchUpLimits = {
  events: 2_000,
  bytes: 4 * 1024 * 1024,
  companyMs: 1_000,
  patienceMs: 5_000,
};

/** What a reading knows of a follower. */
type ReadingFollower = Readonly<{
  /** Of the message that it takes next. */
  number: number;
  /** For the next message. */
  isWaiting: boolean;
  wake: () => void;
  /** It goes on by itself. */
  leftBehind: () => void;
}>;

/** One subscription, and the last of what it has given. */
export class SharedReading {
  private readonly followers = new Set<ReadingFollower>();
  private messages: SubscriptionMessage[] = [];
  /** How many messages came before those that are kept. */
  private dropped = 0;
  private bytes = 0;
  /** Everything after it, up to `last`, is in `messages`. */
  private floor: bigint;
  private last: bigint;
  isCaughtUp = false;
  private failure: Error | undefined;
  private readonly ending = new AbortController();
  private onRoom: ((hasRoom?: boolean) => void) | undefined;
  private readonly bell = new Bell(() => this.ring());
  private readonly company: Promise<unknown>;

  constructor(
    log: Source,
    prefixes: readonly string[],
    position: bigint,
    /** Was in the log before this began. */
    readonly known: bigint,
    private readonly limits: CatchUpLimits,
    private readonly onOver: () => void,
  ) {
    this.floor = this.last = position;
    this.company = sleep(limits.companyMs, undefined, { signal: this.ending.signal }).catch(() => undefined);
    const after = position < 0n ? 'start' : position;
    void this.pump(log.subscribe({ prefix: prefixes, after, signal: this.ending.signal }));
  }

  /** Whether what comes next for a follower that has come so far is here, or will be soon. */
  serves(position: bigint): boolean {
    const isNear = position >= this.floor && position <= this.last + BigInt(this.limits.events);
    return isNear && !this.isCaughtUp && !this.failure;
  }

  /** @returns the number of the message that comes next for it */
  join(follower: ReadingFollower): number {
    this.followers.add(follower);
    return this.dropped;
  }

  leave(follower: ReadingFollower): void {
    this.followers.delete(follower);
    if (this.followers.size === 0) this.end(new LogUnavailable('The subscription has ended'));
    else this.onRoom?.();
  }

  /** @returns undefined where it has not come yet */
  message(number: number): SubscriptionMessage | undefined {
    return this.messages[number - this.dropped];
  }

  /** @throws LogUnavailable when the subscription is lost: nothing more will come */
  mustBeOpen(): void {
    if (this.failure) throw this.failure;
  }

  /** A follower has taken one more. */
  taken(): void {
    if (this.onRoom && this.passed >= this.half) this.onRoom();
  }

  /** How many messages all have taken. */
  private get passed(): number {
    let passed = this.messages.length;
    for (const { number } of this.followers) passed = Math.min(passed, number - this.dropped);
    return passed;
  }

  private get half(): number {
    return Math.ceil(this.messages.length / 2);
  }

  private async pump(messages: AsyncIterable<SubscriptionMessage>): Promise<void> {
    try {
      for await (const message of messages) {
        if (this.isFull) await this.company;
        while (this.isFull && !this.ending.signal.aborted) await this.makeRoom();
        this.add(message);
      }
      this.end(new LogUnavailable('The subscription was ended by the server'));
    } catch (error) {
      this.end(error instanceof Error ? error : new LogUnavailable(String(error)));
    }
  }

  private add(message: SubscriptionMessage): void {
    this.messages.push(message);
    this.bytes += sizeOfMessage(message);
    const position = positionOf(message);
    if (position !== null && position > this.last) this.last = position;
    this.isCaughtUp ||= message.kind === 'caught-up';
    this.bell.ringSoon();
  }

  private ring(): void {
    for (const follower of this.followers) follower.wake();
  }

  private get isFull(): boolean {
    return this.messages.length >= this.limits.events || this.bytes >= this.limits.bytes;
  }

  /** Drops half of what is kept, once all have taken it. */
  private async makeRoom(): Promise<void> {
    const { half } = this;
    if (this.passed >= half) return this.drop(half);
    const hasRoom = await this.roomWithin(this.limits.patienceMs);
    if (!hasRoom) this.leaveBehind();
  }

  private drop(count: number): void {
    for (const message of this.messages.splice(0, count)) {
      this.bytes -= sizeOfMessage(message);
      const position = positionOf(message);
      if (position !== null && position > this.floor) this.floor = position;
    }
    this.dropped += count;
  }

  /** Where others have nothing left to take: those that hold them back. */
  private leaveBehind(): void {
    const { half } = this;
    const all = [...this.followers];
    if (!all.some(({ isWaiting }) => isWaiting)) return;
    for (const follower of all) if (follower.number - this.dropped < half) follower.leftBehind();
  }

  /** @returns whether all followers have gone on by then */
  private roomWithin(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.onRoom?.(false), ms);
      this.onRoom = (hasRoom = true) => {
        clearTimeout(timer);
        this.onRoom = undefined;
        resolve(hasRoom);
      };
    });
  }

  private end(failure: Error): void {
    this.failure ??= failure;
    this.ending.abort();
    this.onOver();
    this.onRoom?.();
    this.ring();
  }
}
