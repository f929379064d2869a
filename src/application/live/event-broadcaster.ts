import type { OnError } from '../runtime/errors.js';
import { type Clock, every } from '../runtime/clock.js';
import type { EventView } from '../queries/read-model.js';
import type { LiveEvent, LiveSource, HighWaterMark, LastKnownState, StreamLimits } from './live-source.js';
import type { Interest, RowChange, RowChanges, JsonRow } from './row-changes.js';

/** The last state of each execution that was dispatched; the least recent are forgotten. */
class LastKnownStates {
  private readonly known = new Map<string, LastKnownState>();

  constructor(private readonly limit: number) {}

  /** What is known before this event; for the first event of an execution that follows from the event itself. */
  before(event: EventView): LastKnownState | undefined {
    const known = this.known.get(event.execution_id);
    return known ?? (event.event_type === 'WorkflowStarted' && event.revision === '0' ? born(event) : undefined);
  }

  set(executionId: string, state: LastKnownState): void {
    this.known.delete(executionId);
    this.known.set(executionId, state);
    if (this.known.size <= this.limit) return;
    const [oldest] = this.known.keys();
    if (oldest !== undefined) this.known.delete(oldest);
  }

  clear(): void {
    this.known.clear();
  }
}

const born = ({ data }: EventView): LastKnownState => {
  const { projectId } = (data ?? {}) as Readonly<{ projectId?: unknown }>;
  return { projectId: typeof projectId === 'string' ? projectId : null, state: null, revision: -1n };
};

/** Whether all late rows were announced, by the tables' own count of them. */
class LateWatch {
  /** Late rows that were announced since the first look at the tables' count. */
  private counted = 0n;
  private first: HighWaterMark | null = null;
  private suspected: bigint | null = null;

  count(): void {
    this.counted += 1n;
  }

  /** Whether rows were added without an announcement. An announcement may be on its way: rows count only when the next look misses them too. */
  isUnexplained(mark: HighWaterMark): boolean {
    const { first, suspected } = this;
    this.first ??= mark;
    if (!first) return false;
    const missing = mark.late - first.late - this.counted;
    const isUnexplained = mark.exchanged !== first.exchanged || (missing > 0n && suspected === missing);
    this.suspected = missing > 0n ? missing : null;
    if (isUnexplained) [this.first, this.counted, this.suspected] = [mark, 0n, null];
    return isUnexplained;
  }
}

type Raw = Readonly<Record<'position' | 'revision', number> & Record<'occurred_at' | 'recorded_at', string | null>>;

/** A row of `workflow_events` as Postgres writes it in JSON, as the API shows it. */
const eventOfRow = (row: JsonRow): EventView => {
  const { position, revision, occurred_at, recorded_at } = row as Raw;
  return {
    ...row,
    position: String(position),
    revision: String(revision),
    occurred_at: occurred_at === null ? null : new Date(occurred_at),
    recorded_at: new Date(recorded_at ?? ''),
  } as unknown as EventView;
};

const eventOf = (change: RowChange): EventView | null => {
  if (change.row) return change.row as unknown as EventView;
  return change.record && eventOfRow(change.record);
};

export interface Subscriber {
  /** In the order in which they were committed; of one execution in the order of its history. Must not throw. */
  notify(event: LiveEvent): void;
  /** Events may have been committed without a notification: they have to be read. */
  missed(why: string): void;
}

export type Following = Readonly<{
  /** Resolves when every later commit is notified: an earlier read may lack some. */
  begun: Promise<void>;
  leave: () => void;
}>;

type Queued = Readonly<{ event: EventView; late: boolean }>;

const EVENTS = 'workflow_events';

/** Passes committed events on to all streams of an instance, so that each event is looked up and rendered once. */
export class EventBroadcaster {
  private readonly ofOne = new Map<string, Set<Subscriber>>();
  private readonly ofAll = new Set<Subscriber>();
  private readonly lastKnown: LastKnownStates;
  private readonly late = new LateWatch();
  private readonly ending = new AbortController();
  private queue: Queued[] = [];
  private working = false;
  /** Raised when what is being looked up is outdated. */
  private epoch = 0;
  private begin!: () => void;
  private readonly started = new Promise<void>((resolve) => (this.begin = resolve));
  private interest: Interest = { begun: Promise.resolve(), end: () => undefined };
  private looking: Promise<void> = Promise.resolve();
  private unfollow = () => undefined as void;

  constructor(
    private readonly changes: RowChanges,
    private readonly source: LiveSource,
    private readonly clock: Clock,
    private readonly limits: StreamLimits,
    private readonly onError: OnError,
  ) {
    this.lastKnown = new LastKnownStates(limits.rememberedExecutions);
  }

  /** To be called once changes are announced. */
  start(): void {
    this.unfollow = this.changes.follow({
      changed: (change) => this.take(change),
      missed: (why) => this.miss(why),
    });
    this.begin();
    const look = async () => {
      const mark = await this.source.highWaterMark();
      if (this.late.isUnexplained(mark)) this.miss('Rows were added or exchanged without being announced');
    };
    this.looking = every(this.clock, this.limits.lookMs, this.ending.signal, look, (error) =>
      this.onError('Live streams cannot look at the read tables', error),
    );
  }

  async stop(): Promise<void> {
    this.ending.abort();
    this.unfollow();
    await this.looking;
  }

  /** @param executionId null: all */
  follow(executionId: string | null, subscriber: Subscriber): Following {
    if (!this.isFollowed) {
      // What is known was true before the last follower left, and nothing was followed since.
      this.forget();
      this.interest = this.changes.interest([EVENTS]);
    }
    const remove = executionId === null ? this.addToAll(subscriber) : this.addToOne(executionId, subscriber);
    const begun = Promise.all([this.started, this.interest.begun]).then(() => undefined);
    const leave = () => {
      remove();
      if (!this.isFollowed) this.interest.end();
    };
    return { begun, leave };
  }

  private get isFollowed(): boolean {
    return this.ofAll.size > 0 || this.ofOne.size > 0;
  }

  private addToAll(subscriber: Subscriber): () => void {
    this.ofAll.add(subscriber);
    return () => this.ofAll.delete(subscriber);
  }

  private addToOne(executionId: string, subscriber: Subscriber): () => void {
    const others = this.ofOne.get(executionId) ?? new Set();
    this.ofOne.set(executionId, others.add(subscriber));
    return () => {
      others.delete(subscriber);
      if (others.size === 0 && this.ofOne.get(executionId) === others) this.ofOne.delete(executionId);
    };
  }

  private take(change: RowChange): void {
    if (!this.isFollowed || change.table !== EVENTS || change.type !== 'INSERT') return;
    const event = eventOf(change);
    if (!event) return;
    this.queue.push({ event, late: change.late });
    if (this.queue.length > this.limits.queuedEvents) this.miss('There were more events at once than can be kept');
    else if (!this.working) void this.work();
  }

  /** Waits only where something has to be looked up first. */
  private async work(): Promise<void> {
    this.working = true;
    while (this.queue.length > 0) {
      const { epoch } = this;
      const batch = this.queue.splice(0, this.limits.batchEvents);
      const unknown = this.firstOfUnknown(batch);
      if (unknown.length > 0) {
        try {
          const found = await this.source.before(unknown);
          if (epoch !== this.epoch) continue;
          unknown.forEach((event, index) => this.lastKnown.set(event.execution_id, found[index]!));
        } catch (error) {
          this.onError('Live streams cannot look up executions', error);
          if (epoch === this.epoch) this.miss('Events could not be looked up in the database');
          continue;
        }
      }
      for (const queued of batch) this.dispatch(queued);
    }
    this.working = false;
  }

  /**
   * The first event in this batch of each followed execution of which nothing is known. Known states are set anew: what this
   * batch needs must not be forgotten for what else it needs.
   */
  private firstOfUnknown(batch: readonly Queued[]): readonly EventView[] {
    const found = new Map<string, EventView>();
    for (const { event } of batch) {
      const id = event.execution_id;
      const known = this.lastKnown.before(event);
      if (known) this.lastKnown.set(id, known);
      else if (!found.has(id) && (this.ofAll.size > 0 || this.ofOne.has(id))) found.set(id, event);
    }
    return [...found.values()];
  }

  private dispatch({ event, late }: Queued): void {
    const [id, position, revision] = [event.execution_id, BigInt(event.position), BigInt(event.revision)];
    if (late) this.late.count();
    const before = this.lastKnown.before(event);
    // A stream that began during the look-up reads the event from the table.
    if (!before || revision <= before.revision) return;
    const { projectId, state: previousState } = before;
    this.lastKnown.set(id, { projectId, state: event.current_state ?? previousState, revision });
    const live: LiveEvent = { event, position, projectId, previousState, late };
    for (const subscriber of this.ofOne.get(id) ?? []) subscriber.notify(live);
    for (const subscriber of this.ofAll) subscriber.notify(live);
  }

  private forget(): void {
    this.epoch += 1;
    this.queue = [];
    this.lastKnown.clear();
  }

  private miss(why: string): void {
    this.forget();
    for (const subscribers of [...this.ofOne.values(), this.ofAll]) for (const each of subscribers) each.missed(why);
  }
}
