import { EventLog, isAnswer, type Appended, type RecordedEvent, type SubscriptionMessage } from './event-log.js';
import type { LogIdentity } from './log-identity.js';
import type { LogWatch } from './log-watch.js';

type Asked = Parameters<EventLog['subscribe']>[0];
/** Says whether it is the right log, and hears of all that may tell. */
type Identity = Pick<LogIdentity, 'isSure' | 'mustMatch' | 'check' | 'saw' | 'suspect'>;

/** The log, as long as it is the one that the tables were made of. Every call of the application goes through it. */
export class GuardedEventLog extends EventLog {
  private underWay = 0;

  /** @param watch hears how appends and subscriptions end; a program that reports no readiness has none */
  constructor(
    private readonly log: EventLog,
    private readonly identity: Identity,
    private readonly watch: LogWatch | null = null,
  ) {
    super(log.maxAppendBytes);
  }

  read(...asked: Parameters<EventLog['read']>) {
    return this.guarded(() => this.log.read(...asked));
  }

  readPage(...asked: Parameters<EventLog['readPage']>): Promise<readonly RecordedEvent[]> {
    return this.guarded(() => this.log.readPage(...asked));
  }

  /** That wait for their answers. */
  get appendsUnderWay(): number {
    return this.underWay;
  }

  /** Each step of each execution passes here: where nothing has failed, the guard adds no call to it. */
  async append(...asked: Parameters<EventLog['append']>): Promise<Appended> {
    if (!this.identity.isSure) await this.identity.mustMatch();
    this.underWay++;
    try {
      const appended = await this.log.append(...asked);
      this.watch?.appended(asked[0]);
      return appended;
    } catch (error) {
      this.suspectUnless(isAnswer(error));
      this.watch?.appendFailed(asked[0], error);
      throw error;
    } finally {
      this.underWay--;
    }
  }

  head(): Promise<bigint | 'start'> {
    return this.guarded(() => this.log.head());
  }

  page(...asked: Parameters<EventLog['page']>): Promise<readonly RecordedEvent[]> {
    return this.guarded(() => this.log.page(...asked));
  }

  at(position: bigint): Promise<RecordedEvent | 'none' | 'inside'> {
    return this.guarded(() => this.log.at(position));
  }

  subscribe(asked: Asked): AsyncIterableIterator<SubscriptionMessage> {
    return new GuardedSubscription(this.log, this.identity, this.watch, asked);
  }

  private async guarded<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    if (!this.identity.isSure) await this.identity.mustMatch();
    try {
      return await call();
    } catch (error) {
      this.suspectUnless(isAnswer(error));
      throw error;
    }
  }

  /** A call that fails says nothing of which log answers the next one. */
  private suspectUnless(isAnswered: boolean): void {
    if (!isAnswered) this.identity.suspect();
  }
}

type Next = IteratorResult<SubscriptionMessage>;

/**
 * Each event of each follower passes here, so it is no generator: one promise a message. Watched until its first message: one
 * that is lost later is opened again, and then says why.
 */
class GuardedSubscription implements AsyncIterableIterator<SubscriptionMessage> {
  private messages: AsyncIterator<SubscriptionMessage> | undefined;

  constructor(
    private readonly log: EventLog,
    private readonly identity: Identity,
    private readonly watch: LogWatch | null,
    private readonly asked: Asked,
  ) {}

  [Symbol.asyncIterator]() {
    return this;
  }

  next(): Promise<Next> {
    return this.messages ? this.messages.next().then(this.came, this.lost) : this.first();
  }

  async return(): Promise<Next> {
    await this.messages?.return?.();
    return OVER;
  }

  private async first(): Promise<Next> {
    const { prefix, signal } = this.asked;
    try {
      await this.identity.check();
      this.messages = this.log.subscribe(this.asked)[Symbol.asyncIterator]();
      const message = await this.messages.next().then(this.came, this.lost);
      this.watch?.followed(prefix);
      return message;
    } catch (error) {
      if (!signal.aborted) this.watch?.followFailed(prefix, error);
      throw error;
    }
  }

  /** Made once: a message costs no function. @throws LogMismatch */
  private readonly came = (next: Next): Next => {
    if (next.done) {
      this.suspect();
      return OVER;
    }
    const message = next.value;
    try {
      this.identity.saw(message.kind === 'event' ? message.event : null);
    } catch (error) {
      this.suspect();
      void this.return().catch(() => undefined);
      throw error;
    }
    return next;
  };

  private readonly lost = (error: unknown): never => {
    this.suspect();
    throw error;
  };

  private suspect(): void {
    if (!this.asked.signal.aborted) this.identity.suspect();
  }
}

const OVER: Next = { done: true, value: undefined };
