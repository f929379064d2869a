import { EventLog, isAnswer, type Appended, type RecordedEvent, type SubscriptionMessage } from './event-log.js';
import type { LogIdentity } from './log-identity.js';

/** The log, as long as it is the one that the tables were made of. Every call of the application goes through it. */
export class GuardedEventLog extends EventLog {
  constructor(
    private readonly log: EventLog,
    private readonly identity: LogIdentity,
  ) {
    super(log.maxAppendBytes);
  }

  read(...asked: Parameters<EventLog['read']>) {
    return this.guarded(() => this.log.read(...asked));
  }

  readPage(...asked: Parameters<EventLog['readPage']>): Promise<readonly RecordedEvent[]> {
    return this.guarded(() => this.log.readPage(...asked));
  }

  append(...asked: Parameters<EventLog['append']>): Promise<Appended> {
    return this.guarded(() => this.log.append(...asked));
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

  async *subscribe(options: Parameters<EventLog['subscribe']>[0]): AsyncGenerator<SubscriptionMessage> {
    await this.identity.check();
    try {
      for await (const message of this.log.subscribe(options)) {
        this.identity.saw(message.kind === 'event' ? message.event : null);
        yield message;
      }
    } catch (error) {
      if (!options.signal.aborted) this.identity.suspect();
      throw error;
    }
    if (!options.signal.aborted) this.identity.suspect();
  }

  /** A call that fails says nothing of which log answers the next one. */
  private async guarded<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    if (!this.identity.isSure) await this.identity.mustMatch();
    try {
      return await call();
    } catch (error) {
      if (!isAnswer(error)) this.identity.suspect();
      throw error;
    }
  }
}
