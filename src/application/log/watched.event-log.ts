/** What the followers and the appends of this instance last heard from the log, so that readiness knows what they know. */
import type { Clock } from '../runtime/clock.js';
import { EventLog, type Appended, type SubscriptionMessage } from './event-log.js';
import type { FaultOf, LogFault } from './log-fault.js';

type Asked = Parameters<EventLog['subscribe']>[0];
/** From the first failure after the last success to the last one. */
type Failing = { since: Date; last: Date; fault: LogFault | undefined };

export type LogTrouble = Readonly<{ fault: LogFault | undefined; what: string; seconds: number }>;

type WatchLimits = Readonly<{
  /** A failure that was not repeated for this long counts no more: its follower or writer has ended. */
  forgetMs: number;
  /** What may be over in a moment counts only after this time. */
  graceMs: number;
}>;

const DEFAULTS: WatchLimits = { forgetMs: 60_000, graceMs: 5_000 };
/** Of each kind; there are about ten of them. */
const KEPT = 100;

export class WatchedEventLog extends EventLog {
  /** By the first part of their names: a user's rights are given to streams of a kind. */
  private readonly denied = new Map<string, Failing>();
  /** By what they follow. */
  private readonly lost = new Map<string, Failing>();

  constructor(
    private readonly log: EventLog,
    private readonly clock: Clock,
    private readonly faultOf: FaultOf,
    private readonly limits: WatchLimits = DEFAULTS,
  ) {
    super(log.maxAppendBytes);
  }

  /** Streams of this application that its user may not write, though it may write others. */
  appendTrouble(): LogTrouble | null {
    return this.worst(this.denied, 0, 'appends to');
  }

  /** Subscriptions that do not come about. */
  followTrouble(): LogTrouble | null {
    return this.worst(this.lost, this.limits.graceMs, 'followers of');
  }

  read(...asked: Parameters<EventLog['read']>) {
    return this.log.read(...asked);
  }

  readPage(...asked: Parameters<EventLog['readPage']>) {
    return this.log.readPage(...asked);
  }

  head() {
    return this.log.head();
  }

  at(position: bigint) {
    return this.log.at(position);
  }

  page(...asked: Parameters<EventLog['page']>) {
    return this.log.page(...asked);
  }

  async append(...asked: Parameters<EventLog['append']>): Promise<Appended> {
    const [stream] = asked;
    try {
      const appended = await this.log.append(...asked);
      if (this.denied.size > 0) this.denied.delete(kindOf(stream));
      return appended;
    } catch (error) {
      // Whatever else stops appends stops those of the write probe too.
      if (this.faultOf(error) === 'RIGHTS_MISSING') this.failed(this.denied, kindOf(stream), error);
      throw error;
    }
  }

  /** Watched until its first message, as each event passes here: one that is lost later is opened again, and then says why. */
  subscribe(asked: Asked): AsyncIterable<SubscriptionMessage> {
    const subscription = this.log.subscribe(asked);
    const followed = [asked.prefix].flat().join(', ');
    const first = async (messages: AsyncIterator<SubscriptionMessage>) => {
      try {
        const message = await messages.next();
        this.lost.delete(followed);
        return message;
      } catch (error) {
        if (!asked.signal.aborted) this.failed(this.lost, followed, error);
        throw error;
      }
    };
    return {
      [Symbol.asyncIterator]: () => {
        const messages = subscription[Symbol.asyncIterator]();
        let isFirst = true;
        return {
          next: () => {
            if (!isFirst) return messages.next();
            isFirst = false;
            return first(messages);
          },
          return: () => messages.return?.() ?? Promise.resolve({ done: true, value: undefined }),
        };
      },
    };
  }

  private failed(among: Map<string, Failing>, key: string, error: unknown): void {
    const now = this.clock.now();
    const known = among.get(key);
    if (!known && among.size >= KEPT) return;
    const since = known && this.isRecent(known, now) ? known.since : now;
    among.set(key, { since, last: now, fault: this.faultOf(error) });
  }

  private worst(among: ReadonlyMap<string, Failing>, graceMs: number, what: string): LogTrouble | null {
    const now = this.clock.now();
    for (const [key, failing] of among) {
      const ms = now.getTime() - failing.since.getTime();
      const isCertain = failing.fault === 'RIGHTS_MISSING' || failing.fault === 'CREDENTIALS_REFUSED';
      if (this.isRecent(failing, now) && (isCertain || ms >= graceMs))
        return { fault: failing.fault, what: `${what} ${key}`, seconds: Math.round(ms / 1_000) };
    }
    return null;
  }

  private isRecent({ last }: Failing, now: Date): boolean {
    return now.getTime() - last.getTime() <= this.limits.forgetMs;
  }
}

/** `workflow-` of `workflow-1f0c...`. */
const kindOf = (stream: string): string => /^[^-]*-?/.exec(stream)![0];
