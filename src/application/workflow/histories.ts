import { STREAM_PREFIX, workflowStream } from '../../domain/workflow/index.js';
import {
  HistoryDamaged,
  isTombstone,
  LogUnavailable,
  StreamTombstoned,
  type Damage,
  type EventLog,
  type ExpectedRevision,
  type PageAsked,
  type RecordedEvent,
} from '../log/event-log.js';

type Last = Readonly<{ revision: bigint; position: bigint }>;

/** A history that was found damaged. */
export type DamagedHistory = Readonly<{ executionId: string; damage: Damage; what: string; foundAt: Date }>;

/** What is known of histories beside the log: how far each was read, and which are damaged. */
export abstract class DamagedHistories {
  /** The last event that the read tables or the audit tree have; null where they have none of that execution. */
  abstract lastOf(executionId: string): Promise<Last | null>;
  /** @returns whether it was not known yet */
  abstract note(damaged: DamagedHistory): Promise<boolean>;
  /** It is whole again. @returns whether it was known as damaged */
  abstract clear(executionId: string): Promise<boolean>;
  /** By the execution's id; `limit` at most, after that id. */
  abstract list(after: string | null, limit: number): Promise<readonly DamagedHistory[]>;
  abstract count(): Promise<number>;
}

/**
 * The one reader of executions' histories. What it gives is whole and in order; a stream that does not begin at revision 0, has
 * gaps, or lacks what the read tables or the audit tree have of it, is damaged, and that is all that its readers are told.
 */
export class Histories {
  constructor(
    private readonly log: Pick<EventLog, 'read' | 'readPage' | 'head'>,
    private readonly known: Pick<DamagedHistories, 'lastOf'> | null = null,
    /** Gets each damage that a reader meets. */
    private readonly onDamaged: (damaged: HistoryDamaged) => Promise<void> = () => Promise.resolve(),
  ) {}

  /**
   * Its events from that revision on, and the revision of the last; 'none' where there is no such execution.
   * @throws HistoryDamaged, LogUnavailable
   */
  read(
    executionId: string,
    from = 0n,
  ): Promise<Readonly<{ events: readonly RecordedEvent[]; revision: ExpectedRevision }>> {
    return this.telling(async () => {
      const stream = workflowStream(executionId);
      const { events, revision } = await this.log.read(stream, from);
      mustFollow(stream, from, events);
      if (revision === 'none' || revision < from - 1n) await this.mustHaveNoMore(executionId, revision);
      return { events, revision };
    });
  }

  /** A part of it, which has no gaps; whether the history begins where it should, `begins` says. @throws HistoryDamaged, LogUnavailable */
  page(executionId: string, page: PageAsked): Promise<readonly RecordedEvent[]> {
    return this.telling(async () => {
      const stream = workflowStream(executionId);
      const events = await this.log.readPage(stream, page);
      if (page.direction === 'forwards') mustFollow(stream, page.from, events);
      else mustFollow(stream, events.at(-1)?.revision ?? 0n, events.toReversed());
      const first = page.direction === 'backwards' && events.length < page.limit ? events.at(-1) : undefined;
      if (first && first.revision > 0n) throw truncated(stream, first.revision);
      return events;
    });
  }

  /** @returns whether there is such an execution. @throws HistoryDamaged where its first event is not there, LogUnavailable */
  begins(executionId: string): Promise<boolean> {
    return this.telling(async () => {
      const stream = workflowStream(executionId);
      const events = await this.log.readPage(stream, { direction: 'forwards', from: 0n, limit: 1 });
      mustFollow(stream, 0n, events);
      if (events.length === 0) await this.mustHaveNoMore(executionId, 'none');
      return events.length > 0;
    });
  }

  /** Whether the read tables or the audit tree have events of it; false also where they do not answer. */
  async isRecorded(executionId: string): Promise<boolean> {
    const last = await this.known?.lastOf(executionId).catch(() => null);
    return Boolean(last);
  }

  /** For damage that shows when events are folded or appended. */
  async found(damaged: HistoryDamaged): Promise<void> {
    if (damaged.stream.startsWith(STREAM_PREFIX)) await this.onDamaged(damaged);
  }

  private async telling<Read>(read: () => Promise<Read>): Promise<Read> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof HistoryDamaged) await this.found(error);
      throw error;
    }
  }

  /** The log may answer from what it knew a while ago: that an event is missing is said only of a log that has come as far. */
  private async mustHaveNoMore(executionId: string, revision: ExpectedRevision): Promise<void> {
    const last = await this.known?.lastOf(executionId);
    if (!last || (revision !== 'none' && last.revision <= revision)) return;
    const head = await this.log.head();
    const stream = workflowStream(executionId);
    if (head === 'start' || head < last.position)
      throw new LogUnavailable(
        `Expected a log up to position ${last.position}, where event ${last.revision} of ${stream} stands; it ends at ${head}`,
      );
    const now = (await this.log.read(stream, last.revision)).revision;
    if (now !== 'none' && now >= last.revision)
      throw new LogUnavailable(`Stream ${stream} was read while the log moved`);
    const left = now === 'none' ? 'none of its events is in the log' : `its last event in the log is ${now}`;
    throw new HistoryDamaged(stream, 'gone', `expected events up to revision ${last.revision}, as recorded; ${left}`);
  }
}

/** @throws HistoryDamaged where the events do not follow one another from that revision on */
export const mustFollow = (stream: string, from: bigint, events: readonly RecordedEvent[]): void => {
  let expected = from;
  for (const event of events) {
    if (isTombstone(event)) throw new StreamTombstoned(stream);
    if (event.revision !== expected && expected === from) throw truncated(stream, event.revision, from);
    if (event.revision !== expected)
      throw new HistoryDamaged(stream, 'gap', `expected revision ${expected}, got ${event.revision}`);
    expected += 1n;
  }
};

const truncated = (stream: string, first: bigint, expected = 0n): HistoryDamaged =>
  new HistoryDamaged(
    stream,
    'truncated',
    `expected revision ${expected}, got ${first}: the events before it are cut off, as by $tb, $maxCount or $maxAge in the metadata`,
  );
