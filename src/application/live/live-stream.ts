import type { Following, Subscriber } from './event-broadcaster.js';
import type { LiveEvent, Notice } from './live-source.js';

/** Why a client gets a snapshot: it begins; rows before its place were added or exchanged; too much happened while it was away. */
export type SnapshotReason = 'start' | 'history_changed' | 'too_far_behind';

export type Snapshot = Readonly<{
  /** The snapshot is as of here: later events are sent. */
  position: bigint;
  data: Readonly<Record<string, unknown>>;
  ended: string | null;
}>;

export type Page = Readonly<{ events: readonly LiveEvent[]; hasMore: boolean }>;

/** Where one kind of stream has its events from. */
export interface Feed {
  follow(subscriber: Subscriber): Following;
  snapshot(): Promise<Snapshot>;
  /** In order. @param lost whether notifications may have been missed. @returns why these events alone would be incomplete, so that a snapshot is due */
  read(after: bigint, lost: boolean): Promise<Page | SnapshotReason>;
  noticeFor(event: LiveEvent): Notice | null;
  /** Whether late events are sent although the client is past their position. */
  readonly sendsLate: boolean;
  /** The state in which the execution ends with this event; null: it goes on. */
  endedBy(event: LiveEvent): string | null;
}

/** Where a client's messages go. Nothing here waits but `taken`. */
export interface StreamSink {
  /** Answers the request; what is sent before does so too. */
  open(): void;
  snapshot(id: bigint, reason: SnapshotReason, data: Snapshot['data']): void;
  event(id: bigint, notice: Notice, event: LiveEvent): void;
  end(id: bigint, state: string): void;
  /** The client lags: it holds more than a client that keeps up leaves there. */
  isFull(): boolean;
  /** Resolves when the client has taken everything; false: it is gone, or takes nothing. */
  taken(): Promise<boolean>;
}

/**
 * Past and coming events, without a gap and without repetition: the stream follows first and keeps new events, reads what
 * is in the table, then goes on with the kept events that it has not sent. For a client that takes too slowly it reads again.
 */
export class LiveStream implements Subscriber {
  private cursor = -1n;
  private ended: string | null = null;
  private isLive = false;
  private waiting: LiveEvent[] = [];
  private mustReadAgain = false;
  private isGone = false;
  private leaveLive = () => undefined as void;

  constructor(
    private readonly feed: Feed,
    private readonly sink: StreamSink,
    private readonly limits: Readonly<{ waitingEvents: number }>,
  ) {}

  /** The last position that was sent. */
  get position(): bigint {
    return this.cursor;
  }

  /**
   * @param cursor what the client has; null: nothing
   * @param ended the state in which what it has ends
   * @returns `nothing`: there is nothing to come and nothing was sent; `away`: the client is gone or too slow
   */
  async run(cursor: bigint | null, ended: string | null): Promise<'ended' | 'nothing' | 'away'> {
    const { begun, leave } = this.feed.follow(this);
    try {
      await begun;
      if (cursor === null) await this.begin('start');
      else [this.cursor, this.ended] = [cursor, ended];
      for (;;) {
        if (!(await this.catchUp()) || this.isGone) return 'away';
        if (this.mustReadAgain) continue;
        // From here to where it is live nothing is awaited: what comes meanwhile was sent or is still kept.
        for (const event of this.waiting.splice(0)) this.send(event);
        if (this.ended !== null && this.cursor === cursor) return 'nothing';
        this.sink.open();
        if (this.ended === null && !this.sink.isFull()) await this.live();
        if (this.ended !== null) {
          this.sink.end(this.cursor, this.ended);
          return 'ended';
        }
        if (!(await this.sink.taken())) return 'away';
      }
    } finally {
      leave();
    }
  }

  notify(event: LiveEvent): void {
    if (this.isLive) {
      this.send(event);
      if (this.ended !== null || this.sink.isFull()) this.leaveLive();
    } else if (!this.mustReadAgain && this.waiting.push(event) > this.limits.waitingEvents) this.missed();
  }

  missed(): void {
    this.waiting = [];
    this.mustReadAgain = true;
    this.leaveLive();
  }

  /** The client is gone. */
  stop(): void {
    this.isGone = true;
    this.leaveLive();
  }

  private live(): Promise<void> {
    return new Promise((resolve) => {
      this.isLive = true;
      this.leaveLive = () => {
        this.isLive = false;
        resolve();
      };
    });
  }

  private async begin(reason: SnapshotReason): Promise<void> {
    this.waiting = [];
    const { position, data, ended } = await this.feed.snapshot();
    [this.cursor, this.ended] = [position, ended];
    this.sink.snapshot(position, reason, data);
  }

  /** Sends all that the table has. @returns false: the client is away */
  private async catchUp(): Promise<boolean> {
    let lost = this.mustReadAgain;
    this.mustReadAgain = false;
    for (let hasMore = true; hasMore;) {
      const page = await this.feed.read(this.cursor, lost);
      lost = false;
      if (typeof page === 'string') await this.begin(page);
      else for (const event of page.events) this.send(event);
      if (!(await this.sink.taken())) return false;
      hasMore = typeof page === 'string' || page.hasMore;
    }
    return true;
  }

  private send(live: LiveEvent): void {
    const isNext = live.position > this.cursor;
    if (!isNext && !(live.late && this.feed.sendsLate)) return;
    if (isNext) this.cursor = live.position;
    const notice = this.feed.noticeFor(live);
    if (notice) this.sink.event(this.cursor, notice, live);
    if (isNext) this.ended = this.feed.endedBy(live);
  }
}
