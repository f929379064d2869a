import { setTimeout as delay } from 'node:timers/promises';
import {
  EventLog,
  LogUnavailable,
  RevisionConflict,
  StreamTombstoned,
  type Appended,
  type SubscriptionMessage,
  type RecordedEvent,
} from '../../application/log/event-log.js';
import type { EventStoreDbEventLog } from './eventstore-db.event-log.js';

/** Where a log is now. `look` finds out anew, at most as long as that takes. */
export type Endpoint = Readonly<{
  url: string;
  look: () => Promise<void>;
  onMove: (move: (url: string) => void) => void;
}>;

export type MovingLimits = Readonly<{
  /** How long a read waits for the log to be back, and the pause between its tries. */
  patienceMs: number;
  pauseMs: number;
  /** How long the failure of an append is held back until the log answers again: who tries once more then, succeeds. */
  appendPatienceMs: number;
}>;

const DEFAULTS: MovingLimits = { patienceMs: 5_000, pauseMs: 100, appendPatienceMs: 2_000 };
/** Nothing is ever written to it: reading it costs next to nothing. */
const NO_STREAM = 'where-is-the-log';

/**
 * A log whose address may change while it is used. When it moves, whatever was under way at the old address ends as it
 * does when a connection is lost: subscriptions and reads with LogUnavailable, appends with an unknown outcome.
 */
export class FailoverEventLog extends EventLog {
  private here: EventStoreDbEventLog;
  private readonly limits: MovingLimits;

  constructor(
    private readonly whereabouts: Endpoint,
    open: (url: string) => EventStoreDbEventLog,
    limits: Partial<MovingLimits> = {},
  ) {
    super();
    this.limits = { ...DEFAULTS, ...limits };
    this.here = open(whereabouts.url);
    whereabouts.onMove((url) => {
      const before = this.here;
      this.here = open(url);
      void before.close();
    });
  }

  read(...[stream, from]: Parameters<EventLog['read']>) {
    return this.patiently((log) => log.read(stream, from));
  }

  readPage(...[stream, page]: Parameters<EventLog['readPage']>) {
    return this.patiently((log) => log.readPage(stream, page));
  }

  head(): Promise<bigint | 'start'> {
    return this.patiently((log) => log.head());
  }

  page(...[after, limit]: Parameters<EventLog['page']>): Promise<readonly RecordedEvent[]> {
    return this.patiently((log) => log.page(after, limit));
  }

  /** A read has no effect, so it is simply made again where the log is by then. */
  private async patiently<Answer>(ask: (log: EventLog) => Promise<Answer>): Promise<Answer> {
    const giveUpAt = performance.now() + this.limits.patienceMs;
    for (;;) {
      const asked = this.here;
      try {
        return await ask(asked);
      } catch (error) {
        if (!(error instanceof LogUnavailable) || performance.now() > giveUpAt) throw error;
        await this.whereabouts.look();
        if (asked === this.here) await delay(this.limits.pauseMs);
      }
    }
  }

  /** Whoever appends again, after an outcome that is not known, does so where the log is by then. */
  async append(...[stream, events, expected]: Parameters<EventLog['append']>): Promise<Appended> {
    const asked = this.here;
    try {
      return await asked.append(stream, events, expected);
    } catch (error) {
      const isAnswer = error instanceof RevisionConflict || error instanceof StreamTombstoned;
      if (!isAnswer) await this.back(asked);
      throw error;
    }
  }

  /** Resolves when the log has moved away from `asked`, or answers there, or after a while. */
  private async back(asked: EventStoreDbEventLog): Promise<void> {
    const giveUpAt = performance.now() + this.limits.appendPatienceMs;
    const patience = new AbortController();
    const late = delay(this.limits.appendPatienceMs, false, { signal: patience.signal }).catch(() => false);
    const answers = () =>
      asked.read(NO_STREAM).then(
        () => true,
        () => false,
      );
    while (performance.now() < giveUpAt) {
      await this.whereabouts.look();
      if (asked !== this.here || (await Promise.race([answers(), late]))) break;
      await delay(this.limits.pauseMs);
    }
    patience.abort();
  }

  async *subscribe(options: Parameters<EventLog['subscribe']>[0]): AsyncGenerator<SubscriptionMessage> {
    yield* this.here.subscribe(options);
  }

  close(): Promise<void> {
    return this.here.close();
  }
}
