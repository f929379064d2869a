import type { Overview } from '../queries/read-model.js';
import { Semaphore } from '../runtime/bounded-concurrency.js';
import type { EventBroadcaster, Following, Subscriber } from './event-broadcaster.js';
import {
  type StreamFilter,
  endOf,
  stateAfter,
  type LiveEvent,
  noticeFor,
  type Notice,
  type LiveSource,
  type HighWaterMark,
  type StreamLimits,
} from './live-source.js';
import {
  LiveStream,
  type StreamSink,
  type Feed,
  type Page,
  type Snapshot,
  type SnapshotReason,
} from './live-stream.js';

type Limits = Pick<StreamLimits, 'pageEvents' | 'snapshotExecutions' | 'catchUpEvents'>;

/** All executions that a filter lets pass, in the order of the log. It has no end. */
class ManyExecutions implements Feed {
  readonly sendsLate = true;
  /** The table's counts of late rows and exchanges at the last read; null before the first. */
  private mark: string | null = null;
  /** The last read was a snapshot: every later event has been passed on, unless some were missed. */
  private isWhole = false;
  /** Events read since the client was last up to date. */
  private readInARow = 0;

  constructor(
    private readonly dependencies: FeedDependencies & Readonly<{ limits: Limits }>,
    private readonly filter: StreamFilter,
  ) {}

  follow(subscriber: Subscriber): Following {
    return this.dependencies.hub.follow(null, subscriber);
  }

  async snapshot(): Promise<Snapshot> {
    const { source, reads, limits } = this.dependencies;
    const read = () => source.executions(this.filter, limits.snapshotExecutions);
    const found = await reads.pass(read, `snapshot ${JSON.stringify(this.filter)}`);
    this.mark = markOf(found.highWaterMark);
    this.readInARow = 0;
    this.isWhole = true;
    const data = { executions: found.executions, next_cursor: found.nextCursor };
    return { position: found.highWaterMark.position, data, ended: null };
  }

  async read(after: bigint, lost: boolean): Promise<Page | SnapshotReason> {
    const nothingSince = this.isWhole && !lost;
    this.isWhole = false;
    if (nothingSince) return { events: [], hasMore: false };
    const { source, reads, limits } = this.dependencies;
    // After an interruption many streams are at the same place: they share a read.
    const { events, highWaterMark } = await reads.pass(() => source.after(after, limits.pageEvents), `after ${after}`);
    const mark = markOf(highWaterMark);
    if (this.mark === null ? !isCompleteUpTo(highWaterMark, after) : this.mark !== mark) return 'history_changed';
    this.mark = mark;
    this.readInARow += events.length;
    if (this.readInARow > limits.catchUpEvents) return 'too_far_behind';
    const hasMore = events.length === limits.pageEvents;
    if (!hasMore) this.readInARow = 0;
    return { events, hasMore };
  }

  noticeFor(event: LiveEvent): Notice | null {
    return noticeFor(this.filter, event);
  }

  endedBy(): null {
    return null;
  }
}

const markOf = ({ late, exchanged }: HighWaterMark): string => `${late} ${exchanged}`;

/** Whether no row up to `after` can have been added since a client read up to there. */
const isCompleteUpTo = ({ position, lateAt }: HighWaterMark, after: bigint): boolean =>
  after <= position && (lateAt === null || after > lateAt);

type FeedDependencies = Readonly<{
  hub: EventBroadcaster;
  source: LiveSource;
  reads: Semaphore;
  limits: Readonly<{ pageEvents: number }>;
}>;

/** The history of one execution. Its rows are always written in order, so none of them is ever late. */
class OneExecution implements Feed {
  readonly sendsLate = false;

  constructor(
    private readonly dependencies: FeedDependencies,
    private readonly executionId: string,
    private readonly now: () => Promise<Overview>,
  ) {}

  follow(subscriber: Subscriber): Following {
    return this.dependencies.hub.follow(this.executionId, subscriber);
  }

  async snapshot(): Promise<Snapshot> {
    const { execution, steps = [] } = await this.now();
    return {
      position: BigInt(execution.position),
      data: { execution, steps },
      ended: endOf(execution.current_state),
    };
  }

  async read(after: bigint): Promise<Page> {
    const { source, reads, limits } = this.dependencies;
    const events = await reads.pass(() => source.ofExecution(this.executionId, after, limits.pageEvents));
    return { events, hasMore: events.length === limits.pageEvents };
  }

  noticeFor(): 'event' {
    return 'event';
  }

  endedBy(event: LiveEvent): string | null {
    return endOf(stateAfter(event));
  }
}

/** Streams of what happens, for one client each; they share one follower of the changes and a bounded number of reads. */
export class LiveStreams {
  private readonly reads: Semaphore;

  constructor(
    private readonly hub: EventBroadcaster,
    private readonly source: LiveSource,
    private readonly limits: StreamLimits,
  ) {
    this.reads = new Semaphore(limits.readsAtOnce);
  }

  /** @param now the execution with its steps, as the read tables show it */
  ofOne(executionId: string, now: () => Promise<Overview>, sink: StreamSink): LiveStream {
    const feed = new OneExecution(this.dependencies, executionId, () => this.reads.pass(now));
    return new LiveStream(feed, sink, this.limits);
  }

  ofMany(filter: StreamFilter, sink: StreamSink): LiveStream {
    return new LiveStream(new ManyExecutions(this.dependencies, filter), sink, this.limits);
  }

  private get dependencies() {
    const { hub, source, reads, limits } = this;
    return { hub, source, reads, limits };
  }
}
