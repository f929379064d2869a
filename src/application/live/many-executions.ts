import type { Following, Subscriber } from './event-broadcaster.js';
import { toldTo, type LiveEvent, type StreamFilter, type Told } from './live-event.js';
import type { HighWaterMark } from './live-source.js';
import type { Feed, Page, Snapshot, SnapshotReason } from './live-stream.js';
import type { Reading } from './one-execution.js';
import type { StreamLimits } from './stream-limits.js';

type Limits = Pick<StreamLimits, 'pageEvents' | 'snapshotExecutions' | 'catchUpEvents'>;

/** All executions that a filter lets pass, in the order of the log. It has no end. */
export class ManyExecutions implements Feed {
  readonly tellsLate = true;
  /** What the table was like when it was read last; null: not yet. */
  private mark: string | null = null;
  /** A snapshot was the last that was read: all that came after it is told, unless something was lost. */
  private isWhole = false;
  /** Events since nothing was left to read. */
  private inARow = 0;

  constructor(
    private readonly reading: Reading & Readonly<{ limits: Limits }>,
    private readonly filter: StreamFilter,
  ) {}

  follow(subscriber: Subscriber): Following {
    return this.reading.hub.follow(null, subscriber);
  }

  async snapshot(): Promise<Snapshot> {
    const { source, gate, limits } = this.reading;
    const read = () => source.executions(this.filter, limits.snapshotExecutions);
    const found = await gate.pass(read, `snapshot ${JSON.stringify(this.filter)}`);
    this.mark = markOf(found.reach);
    this.inARow = 0;
    this.isWhole = true;
    const data = { executions: found.executions, next_cursor: found.nextCursor };
    return { position: found.reach.position, data, ended: null };
  }

  async read(after: bigint, lost: boolean): Promise<Page | SnapshotReason> {
    const nothingSince = this.isWhole && !lost;
    this.isWhole = false;
    if (nothingSince) return { events: [], hasMore: false };
    const { source, gate, limits } = this.reading;
    // After a cut many are at the same place: one read is for all of them.
    const { events, reach } = await gate.pass(() => source.after(after, limits.pageEvents), `after ${after}`);
    if (this.mark === null ? !isTrueUpTo(reach, after) : this.mark !== markOf(reach)) return 'history_changed';
    this.mark = markOf(reach);
    this.inARow += events.length;
    if (this.inARow > limits.catchUpEvents) return 'too_far_behind';
    const hasMore = events.length === limits.pageEvents;
    if (!hasMore) this.inARow = 0;
    return { events, hasMore };
  }

  told(event: LiveEvent): Told | null {
    return toldTo(this.filter, event);
  }

  endedBy(): null {
    return null;
  }
}

const markOf = ({ late, exchanged }: HighWaterMark): string => `${late} ${exchanged}`;

/** Whether nothing up to there can have come to be in the table since somebody read up to there. */
const isTrueUpTo = ({ position, lateAt }: HighWaterMark, after: bigint): boolean =>
  after <= position && (lateAt === null || after > lateAt);
