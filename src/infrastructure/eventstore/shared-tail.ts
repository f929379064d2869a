import type { EventLog, SubscriptionDropped, SubscriptionMessage } from '../../application/log/event-log.js';
import { CatchUps } from './catch-up.js';
import { LogTail, type Source } from './log-tail.js';
import { TailSubscription } from './tail-subscription.js';

export type SubscribeOptions = Parameters<EventLog['subscribe']>[0];

/**
 * Subscriptions that share one: each event crosses the wire, and is read, once for all followers. A follower that has not caught
 * up, or has fallen behind, shares one with those that are about as far behind.
 */
export class SharedTail {
  private tail: Promise<LogTail> | undefined;
  private readonly catchUps: CatchUps;

  /** @param prefixes of all streams that are shared; a follower of others has a subscription of its own for good */
  constructor(
    private readonly log: Source,
    private readonly prefixes: readonly string[],
    private readonly keptEvents: number,
    private readonly onDropped: (error: SubscriptionDropped) => void = () => undefined,
  ) {
    this.catchUps = new CatchUps(log, prefixes);
  }

  subscribe(options: SubscribeOptions): AsyncIterable<SubscriptionMessage> {
    const wanted = [options.prefix].flat();
    const isShared = wanted.every((name) => this.prefixes.some((prefix) => name.startsWith(prefix)));
    return isShared ? new TailSubscription(this.catchUps, () => this.present(), options) : this.log.subscribe(options);
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
