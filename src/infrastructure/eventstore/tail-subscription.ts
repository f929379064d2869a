/** One follower of the shared tail. Each event of each follower passes here, so it is no generator: one promise a message. */
import { positionOf, type EventLog, type SubscriptionMessage } from '../../application/log/event-log.js';
import type { CatchUpFollower, CatchUps } from './catch-up.js';
import type { EventMessage, LogTail } from './log-tail.js';

type Asked = Parameters<EventLog['subscribe']>[0];
type Next = IteratorResult<SubscriptionMessage>;

const OVER: Next = { done: true, value: undefined };

export class TailSubscription implements AsyncIterableIterator<SubscriptionMessage> {
  private readonly wanted: readonly string[];
  private tail: LogTail | undefined;
  /** How far it has come; -1 before the first event. */
  private position: bigint;
  /** While it has to catch up. */
  private catchUp: CatchUpFollower | undefined;
  private isBehind = true;
  private isNew = true;
  private isCaughtUp = false;
  /** Of the tail, and where the tail was then. */
  private batch: readonly EventMessage[] = [];
  private taken = 0;
  private batchEnd = -1n;
  private isOver = false;
  private wakeUp: (() => void) | undefined;

  /** @param join gives the tail, with one follower more */
  constructor(
    private readonly catchUps: CatchUps,
    private readonly join: () => Promise<LogTail>,
    private readonly asked: Asked,
  ) {
    this.wanted = [asked.prefix].flat();
    this.position = asked.after === 'start' ? -1n : asked.after;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  next(): Promise<Next> {
    const message = this.isOver || this.asked.signal.aborted ? undefined : this.nextAtHand();
    return message ? Promise.resolve({ done: false, value: message }) : this.nextOfLog();
  }

  return(): Promise<Next> {
    this.leave();
    return Promise.resolve(OVER);
  }

  private nextAtHand(): SubscriptionMessage | undefined {
    if (!this.isBehind) return this.nextOfBatch();
    const message = this.isCaughtUp ? undefined : this.catchUp?.take();
    return message && this.seen(message);
  }

  private nextOfBatch(): SubscriptionMessage | undefined {
    while (this.taken < this.batch.length) {
      const message = this.batch[this.taken++]!;
      if (!this.wants(message.event.stream)) continue;
      this.position = message.event.position;
      return message;
    }
    if (this.position >= this.batchEnd) return undefined;
    this.position = this.batchEnd;
    return { kind: 'checkpoint', position: this.batchEnd };
  }

  private wants(stream: string): boolean {
    for (const prefix of this.wanted) if (stream.startsWith(prefix)) return true;
    return false;
  }

  /** @throws LogUnavailable when the subscription is lost */
  private async nextOfLog(): Promise<Next> {
    try {
      while (!this.isOver && !this.asked.signal.aborted) {
        const tail = (this.tail ??= await this.begin());
        const message = this.isBehind ? await this.nextOfCatchUp(tail) : await this.nextOfTail(tail);
        if (message) return { done: false, value: message };
      }
      return await this.return();
    } catch (error) {
      this.leave();
      throw error;
    }
  }

  private async begin(): Promise<LogTail> {
    const tail = await this.join();
    this.asked.signal.addEventListener('abort', this.wake, { once: true });
    return tail;
  }

  /** Until the follower, if it is new, has caught up, and the tail has what comes next. */
  private async nextOfCatchUp(tail: LogTail): Promise<SubscriptionMessage | undefined> {
    if (this.catchUp && this.isCaughtUp && tail.serves(this.position)) return this.goOnWithTail();
    const { prefix, signal } = this.asked;
    const after = this.position < 0n ? 'start' : this.position;
    this.catchUp ??= this.catchUps.follow({ prefix, after, signal }, tail.last);
    const next = await this.catchUp.next();
    return next.done ? this.goOnWithTail() : this.seen(next.value);
  }

  /** @returns what is to be given out of it */
  private seen(message: SubscriptionMessage): SubscriptionMessage | undefined {
    const position = positionOf(message) ?? this.catchUp?.begunAt ?? -1n;
    if (position > this.position) this.position = position;
    this.isCaughtUp ||= message.kind === 'caught-up';
    return this.isNew || message.kind !== 'caught-up' ? message : undefined;
  }

  private goOnWithTail(): undefined {
    this.catchUp?.leave();
    [this.catchUp, this.isBehind, this.isNew] = [undefined, false, false];
    [this.batch, this.taken, this.batchEnd] = [[], 0, -1n];
    return undefined;
  }

  /** Falls behind where the tail no longer has what comes next. @throws LogUnavailable when the tail is lost */
  private async nextOfTail(tail: LogTail): Promise<SubscriptionMessage | undefined> {
    if (!tail.serves(this.position)) {
      [this.isBehind, this.isCaughtUp] = [true, true];
      return undefined;
    }
    tail.mustBeOpen();
    if (this.position >= tail.last) {
      await this.more(tail);
      return undefined;
    }
    [this.batch, this.taken, this.batchEnd] = [tail.eventsAfter(this.position), 0, tail.last];
    return this.nextOfBatch();
  }

  private more(tail: LogTail): Promise<void> {
    return new Promise((resolve) => {
      this.wakeUp = resolve;
      tail.whenMore(this.wake);
    });
  }

  private readonly wake = (): void => {
    const { wakeUp } = this;
    this.wakeUp = undefined;
    wakeUp?.();
  };

  private leave(): void {
    this.isOver = true;
    const { tail } = this;
    this.catchUp?.leave();
    [this.catchUp, this.tail] = [undefined, undefined];
    this.asked.signal.removeEventListener('abort', this.wake);
    this.wake();
    if (!tail) return;
    tail.forget(this.wake);
    if (--tail.followers === 0) tail.end();
  }
}
