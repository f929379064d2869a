import { sleep, type Clock } from '../runtime/clock.js';
import { positionOf, SubscriptionDropped, type EventLog, type SubscriptionMessage } from './event-log.js';
import type { Ids } from './ids.js';

type FollowLimits = Readonly<{
  /** The pause before a lost subscription is opened again, spread by up to half; it doubles up to the maximum. */
  initialPauseMs: number;
  maximumPauseMs: number;
}>;

const DEFAULT_FOLLOW_LIMITS: FollowLimits = { initialPauseMs: 200, maximumPauseMs: 10_000 };

type FollowOptions = Readonly<{
  log: EventLog;
  clock: Clock;
  ids: Ids;
  /** Of the streams' names. */
  prefix: string | readonly string[];
  /** Exclusive. */
  after: bigint | 'start';
  /** Ends the following, quietly. */
  signal: AbortSignal;
  /** Called with each loss; what follows comes from a new subscription. */
  onError: (error: unknown) => void;
  limits?: FollowLimits;
}>;

/** A subscription that does not end when its connection does: it goes on after the last position that it gave out. */
export const followLog = (options: FollowOptions): AsyncIterableIterator<SubscriptionMessage> =>
  new FollowedLog(options);

type Next = IteratorResult<SubscriptionMessage>;

const OVER: Next = { done: true, value: undefined };

/** Each event of each follower passes here, so it is no generator: one promise a message. */
class FollowedLog implements AsyncIterableIterator<SubscriptionMessage> {
  private after: bigint | 'start';
  /** Of the subscription that is open. */
  private begunAfter: bigint | 'start' = 'start';
  private messages: AsyncIterator<SubscriptionMessage> | undefined;
  private losses = 0;
  private isOver = false;

  constructor(private readonly options: FollowOptions) {
    this.after = options.after;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  next(): Promise<Next> {
    return this.messages ? this.messages.next().then(this.came, this.lost) : this.first();
  }

  async return(): Promise<Next> {
    this.isOver = true;
    const { messages } = this;
    this.messages = undefined;
    await messages?.return?.();
    return OVER;
  }

  /** Of a new subscription, or of the one after it, where it is lost before its first message. */
  private async first(): Promise<Next> {
    while (!this.isOver && !this.options.signal.aborted) {
      try {
        this.open();
        const next = await this.messages!.next();
        if (!next.done) return await this.came(next);
        throw ended();
      } catch (error) {
        await this.lose(error);
      }
    }
    return this.return();
  }

  private open(): void {
    const { log, prefix, signal } = this.options;
    this.begunAfter = this.after;
    this.messages = log.subscribe({ prefix, after: this.after, signal })[Symbol.asyncIterator]();
  }

  /** Made once, as `lost` is: a message costs no function. */
  private readonly came = (next: Next): Next | Promise<Next> => {
    if (next.done) return this.lost(ended());
    if (this.options.signal.aborted) return this.return();
    const position = positionOf(next.value);
    // Never back, where something is delivered again.
    if (position !== null && (this.after === 'start' || position > this.after)) this.after = position;
    this.losses = 0;
    return next;
  };

  private readonly lost = async (error: unknown): Promise<Next> => {
    await this.lose(error);
    return this.first();
  };

  /** Resolves when the next subscription may be opened. */
  private async lose(error: unknown): Promise<void> {
    const { clock, ids, signal, onError, limits = DEFAULT_FOLLOW_LIMITS } = this.options;
    this.messages = undefined;
    if (signal.aborted) return;
    onError(error);
    // Where it was dropped, the server is there. What came since tells that it is not the same place again and again.
    const goesOn = error instanceof SubscriptionDropped && this.after !== this.begunAfter;
    if (!goesOn) await sleep(clock, pauseMs(limits, this.losses, ids.jitter()), signal);
    this.losses++;
  }
}

const ended = () => new Error('The subscription ended without being asked to');

const pauseMs = ({ initialPauseMs, maximumPauseMs }: FollowLimits, losses: number, jitter: number) =>
  Math.min(maximumPauseMs, initialPauseMs * 2 ** losses) * (0.5 + jitter / 2);
