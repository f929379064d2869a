import { setTimeout as delay } from 'node:timers/promises';
import {
  EventLog,
  LogUnavailable,
  RevisionConflict,
  type Appended,
  type LogSignal,
} from '../../application/event-log.js';
import type { EventStoreDbEventLog } from './eventstore-db.event-log.js';

/** Where a log is now. `look` finds out anew, at most as long as that takes. */
export type Whereabouts = Readonly<{
  url: string;
  look: () => Promise<void>;
  onMove: (move: (url: string) => void) => void;
}>;

export type MovingLimits = Readonly<{
  /** How long a read waits for the log to be back, and the pause between its tries. */
  patienceMs: number;
  pauseMs: number;
}>;

const DEFAULTS: MovingLimits = { patienceMs: 5_000, pauseMs: 100 };

/**
 * A log whose address may change while it is used. When it moves, whatever was under way at the old address ends as it
 * does when a connection is lost: subscriptions and reads with LogUnavailable, appends with an unknown outcome.
 */
export class MovingEventLog extends EventLog {
  private here: EventStoreDbEventLog;
  private readonly limits: MovingLimits;

  constructor(
    private readonly whereabouts: Whereabouts,
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

  /** A read has no effect, so it is simply made again where the log is by then. */
  async read(...[stream, from]: Parameters<EventLog['read']>) {
    const giveUpAt = performance.now() + this.limits.patienceMs;
    for (;;) {
      const asked = this.here;
      try {
        return await asked.read(stream, from);
      } catch (error) {
        if (!(error instanceof LogUnavailable) || performance.now() > giveUpAt) throw error;
        await this.whereabouts.look();
        if (asked === this.here) await delay(this.limits.pauseMs);
      }
    }
  }

  /** Whoever appends again, after an outcome that is not known, does so where the log is by then. */
  async append(...[stream, events, expected]: Parameters<EventLog['append']>): Promise<Appended> {
    try {
      return await this.here.append(stream, events, expected);
    } catch (error) {
      if (!(error instanceof RevisionConflict)) await this.whereabouts.look();
      throw error;
    }
  }

  async *subscribe(options: Parameters<EventLog['subscribe']>[0]): AsyncGenerator<LogSignal> {
    yield* this.here.subscribe(options);
  }

  close(): Promise<void> {
    return this.here.close();
  }
}
