import type { OnError } from '../runtime/errors.js';
import { type Clock, every } from '../runtime/clock.js';
import type { EventView } from '../queries/read-model.js';
import type { LiveEvent } from './live-event.js';
import type { LiveSource, HighWaterMark, Standing } from './live-source.js';
import type { Interest, RowChange, RowChanges, JsonRow } from './row-changes.js';
import type { StreamLimits } from './stream-limits.js';

/** What was last told of executions; those that nothing was told of for longest are forgotten. */
class LastKnownStates {
  private readonly known = new Map<string, Standing>();

  constructor(private readonly limit: number) {}

  /** What is known before this event; the first event of an execution tells it by itself. */
  before(event: EventView): Standing | undefined {
    const known = this.known.get(event.execution_id);
    return known ?? (event.event_type === 'WorkflowStarted' && event.revision === '0' ? born(event) : undefined);
  }

  set(executionId: string, standing: Standing): void {
    this.known.delete(executionId);
    this.known.set(executionId, standing);
    if (this.known.size <= this.limit) return;
    const [oldest] = this.known.keys();
    if (oldest !== undefined) this.known.delete(oldest);
  }

  clear(): void {
    this.known.clear();
  }
}

const born = ({ data }: EventView): Standing => {
  const { projectId } = (data ?? {}) as Readonly<{ projectId?: unknown }>;
  return { projectId: typeof projectId === 'string' ? projectId : null, state: null, revision: -1n };
};

/** Whether all rows that were added late were told, by the tables' own count of them. */
class LateWatch {
  /** Late rows that were told since the count was looked at first. */
  private told = 0n;
  private first: HighWaterMark | null = null;
  private suspected: bigint | null = null;

  count(): void {
    this.told += 1n;
  }

  /** Whether rows came to be there of which nothing was told; of rows that may still be on their way only the next time. */
  isUnexplained(reach: HighWaterMark): boolean {
    const { first, suspected } = this;
    this.first ??= reach;
    if (!first) return false;
    const missing = reach.late - first.late - this.told;
    const isUnexplained = reach.exchanged !== first.exchanged || (missing > 0n && suspected === missing);
    this.suspected = missing > 0n ? missing : null;
    if (isUnexplained) [this.first, this.told, this.suspected] = [reach, 0n, null];
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

export interface Subscriber {
  /** In the order in which they were committed; of one execution in the order of its history. Must not throw. */
  tell(event: LiveEvent): void;
  /** Events may have been committed that are not told: they have to be read. */
  missed(why: string): void;
}

export type Following = Readonly<{
  /** Resolves when everything that is committed is told: what was read before that may lack some. */
  begun: Promise<void>;
  leave: () => void;
}>;

type Queued = Readonly<{ event: EventView; late: boolean }>;

const EVENTS = 'workflow_events';

/** Follows the events for all streams of an instance, so that each event is looked up and rendered once. */
export class EventBroadcaster {
  private readonly ofOne = new Map<string, Set<Subscriber>>();
  private readonly ofAll = new Set<Subscriber>();
  private readonly standings: LastKnownStates;
  private readonly late = new LateWatch();
  private readonly ending = new AbortController();
  private queue: Queued[] = [];
  private working = false;
  /** Raised when what is under way does not count any more. */
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
    this.standings = new LastKnownStates(limits.rememberedExecutions);
  }

  /** Once changes are told. */
  start(): void {
    this.unfollow = this.changes.follow({
      changed: (change) => this.take(change),
      missed: (why) => this.miss(why),
    });
    this.begin();
    const look = async () => {
      const reach = await this.source.reach();
      if (this.late.isUnexplained(reach)) this.miss('Rows were added or exchanged without being announced');
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
      // What was told before, to nobody, is not what has happened since.
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

  private take({ table, type, record, late }: RowChange): void {
    if (!this.isFollowed || table !== EVENTS || type !== 'INSERT' || !record) return;
    this.queue.push({ event: eventOfRow(record), late });
    if (this.queue.length > this.limits.queuedEvents) this.miss('There were more events at once than can be kept');
    else if (!this.working) void this.work();
  }

  /** Waits only where something has to be looked up first. */
  private async work(): Promise<void> {
    this.working = true;
    while (this.queue.length > 0) {
      const era = this.epoch;
      const batch = this.queue.splice(0, this.limits.batchEvents);
      const strangers = this.strangersIn(batch);
      if (strangers.length > 0) {
        try {
          const found = await this.source.before(strangers);
          if (era !== this.epoch) continue;
          strangers.forEach((event, index) => this.standings.set(event.execution_id, found[index]!));
        } catch (error) {
          this.onError('Live streams cannot look up executions', error);
          if (era === this.epoch) this.miss('Events could not be looked up in the database');
          continue;
        }
      }
      for (const queued of batch) this.dispatch(queued);
    }
    this.working = false;
  }

  /**
   * The first event here of each execution that somebody follows and of which nothing is known. What is known is used now:
   * nothing that this batch needs may be forgotten for what else it needs.
   */
  private strangersIn(batch: readonly Queued[]): readonly EventView[] {
    const found = new Map<string, EventView>();
    for (const { event } of batch) {
      const id = event.execution_id;
      const known = this.standings.before(event);
      if (known) this.standings.set(id, known);
      else if (!found.has(id) && (this.ofAll.size > 0 || this.ofOne.has(id))) found.set(id, event);
    }
    return [...found.values()];
  }

  private dispatch({ event, late }: Queued): void {
    const [id, position, revision] = [event.execution_id, BigInt(event.position), BigInt(event.revision)];
    if (late) this.late.count();
    const before = this.standings.before(event);
    // Who came while others were looked up reads it from the table.
    if (!before || revision <= before.revision) return;
    const { projectId, state: previousState } = before;
    this.standings.set(id, { projectId, state: event.current_state ?? previousState, revision });
    const live: LiveEvent = { event, position, projectId, previousState, late };
    for (const subscriber of this.ofOne.get(id) ?? []) subscriber.tell(live);
    for (const subscriber of this.ofAll) subscriber.tell(live);
  }

  private forget(): void {
    this.epoch += 1;
    this.queue = [];
    this.standings.clear();
  }

  private miss(why: string): void {
    this.forget();
    for (const subscribers of [...this.ofOne.values(), this.ofAll]) for (const each of subscribers) each.missed(why);
  }
}
