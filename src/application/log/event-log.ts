/** The event log as the application sees it. EventStoreDB's adapter and the tests' in-memory log pass one contract suite. */

import type { Json } from '../../domain/json.js';

/** Revision of a stream's last event, or 'none' where the stream does not exist. */
export type ExpectedRevision = bigint | 'none';

/** An event that is not in the log yet. `id` is a UUID; the same id on a second try makes the append idempotent. */
export type NewEvent = Readonly<{
  id: string;
  type: string;
  data: Json;
  metadata: Json;
}>;

export type RecordedEvent = Readonly<{
  id: string;
  type: string;
  /** Parsed JSON; where the stored bytes are not JSON, the raw text. Validate before use. */
  data: unknown;
  metadata: unknown;
  stream: string;
  /** Place in its stream, from 0, without gaps. */
  revision: bigint;
  /** Place in the whole log (commit position). Grows, has gaps. */
  position: bigint;
  /** When the log recorded it, UTC; of an event that was moved here, the log that recorded it. */
  recordedAt: Date;
  /** Of an event that was moved here: its position in the log that recorded it. */
  movedFrom?: bigint;
}>;

/** The type of the event with which a server ends a stream for ever. It stays in the log; the stream can be read no more. */
const TOMBSTONE = '$streamDeleted';
export const isTombstone = ({ type }: Pick<RecordedEvent, 'type'>): boolean => type === TOMBSTONE;

/** What a subscription yields: events, checkpoints between them (nothing that matches up to here), and 'caught-up'. */
export type SubscriptionMessage =
  | Readonly<{ kind: 'event'; event: RecordedEvent }>
  | Readonly<{ kind: 'checkpoint'; position: bigint }>
  | Readonly<{ kind: 'caught-up' }>;

/** Up to where the log is known after this message; null where it says nothing of that. */
export const positionOf = (message: SubscriptionMessage): bigint | null => {
  if (message.kind === 'event') return message.event.position;
  return message.kind === 'checkpoint' ? message.position : null;
};

/** At most `limit` events from `from` (inclusive). Backwards, `from` is 'end' or the revision of an event that is there. */
export type PageAsked = Readonly<
  { limit: number } & ({ direction: 'forwards'; from: bigint } | { direction: 'backwards'; from: bigint | 'end' })
>;

export type Appended = Readonly<{ revision: bigint; position: bigint }>;

/** EventStoreDB's own default (MaxAppendSize). */
export const DEFAULT_MAX_APPEND_BYTES = 1024 * 1024;

/** An abstract class, not an interface, so that it is its own injection token. */
export abstract class EventLog {
  /** @param maxAppendBytes what one append may have, as the writer counts it: a larger one is not sent */
  constructor(readonly maxAppendBytes = DEFAULT_MAX_APPEND_BYTES) {}

  /**
   * The events of a stream from `from` (inclusive, default 0), oldest first.
   * `revision` is that of the stream's last event; 'none' where the stream does not exist.
   * @throws StreamTombstoned, as each that reads one stream or appends to it; LogUnavailable
   */
  abstract read(
    stream: string,
    from?: bigint,
  ): Promise<Readonly<{ events: readonly RecordedEvent[]; revision: ExpectedRevision }>>;

  /**
   * A part of a stream, in the order of reading; fewer than `limit` where the stream ends there, none where there is none.
   * @throws LogUnavailable
   */
  abstract readPage(stream: string, page: PageAsked): Promise<readonly RecordedEvent[]>;

  /**
   * All or nothing.
   * @throws RevisionConflict when the stream is not at `expected`
   * @throws AppendOutcomeUnknown when no answer came in time: the events may or may not be in the log
   * @throws LogUnavailable when the log certainly did not take them, and may take them later
   * @throws AppendRefused when it certainly did not take them and never will
   */
  abstract append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<Appended>;

  /** Position of the last event of the whole log, of whatever stream; 'start' where there is none. @throws LogUnavailable */
  abstract head(): Promise<bigint | 'start'>;

  /** Of the whole log: what comes after a position (exclusive), oldest first, `limit` at most. @throws LogUnavailable */
  abstract page(after: bigint | 'start', limit: number): Promise<readonly RecordedEvent[]>;

  /**
   * The event that begins at a position of the whole log: 'none' where the next one begins later, 'inside' where the server
   * refuses to begin there, as it is the middle of an event. @throws LogUnavailable
   */
  abstract at(position: bigint): Promise<RecordedEvent | 'none' | 'inside'>;

  /**
   * Live catch-up over the whole log, streams whose name begins with (one of) `prefix` only, in log order, after `after` (exclusive).
   * Ends with an error when the connection is lost (the caller loops with back-off); ends quietly on `signal`.
   * @throws SubscriptionDropped, LogUnavailable
   */
  abstract subscribe(
    options: Readonly<{
      prefix: string | readonly string[];
      after: bigint | 'start';
      signal: AbortSignal;
    }>,
  ): AsyncIterable<SubscriptionMessage>;
}

export class RevisionConflict extends Error {
  constructor(
    readonly stream: string,
    readonly expected: ExpectedRevision,
    readonly actual: ExpectedRevision | 'unknown',
  ) {
    super(`Stream ${stream} was expected at revision ${expected}, it is at ${actual}`);
  }
}

export class AppendOutcomeUnknown extends Error {}

/** No answer that helps: of an append it says that the events are certainly not in the log. The same call may succeed later. */
export class LogUnavailable extends Error {}

/** Whether the log has said of an append that it does not take it; a tombstone is a damaged history. */
export const isVerdict = (error: unknown): error is Error =>
  [RevisionConflict, AppendRefused, HistoryDamaged].some((known) => error instanceof known);

/** Whether the log has answered, so that it is known which log that was. */
export const isAnswer = (error: unknown): boolean => isVerdict(error) || error instanceof RangeError;

/** There is a log, but not the one that the tables were made of: nothing is read from it, and nothing is written to it. */
export class LogMismatch extends LogUnavailable {}

/**
 * The server ended a subscription because what it had to send waited for too long. Nothing is wrong with the log: a new
 * subscription goes on after the last position.
 */
export class SubscriptionDropped extends LogUnavailable {}

/** Whether the same may do later: the log did not answer, or did not answer clearly. */
export const isLogAway = (error: unknown): error is LogUnavailable | AppendOutcomeUnknown =>
  error instanceof LogUnavailable || error instanceof AppendOutcomeUnknown;

/** Appends have failed for a while: this one was not tried, and another try at once would not be either. */
export class AppendsPaused extends LogUnavailable {}

/** 'too-large': more than the server takes in one append. 'denied': this user may not write that stream. 'deleted': StreamTombstoned. */
export type AppendRefusedReason = 'too-large' | 'denied' | 'invalid' | 'deleted';

/** The log did not take the events and never will as they are: no caller tries the same append again. */
export class AppendRefused extends Error {
  constructor(
    readonly reason: AppendRefusedReason,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Not sent, as the log would not take it, or refused by a server that takes less. */
export class AppendTooLarge extends AppendRefused {
  /**
   * @param limit of the events together, bytes
   * @param bytes that they have; null where the server does not say
   * @param setting whose limit it is
   */
  constructor(
    stream: string,
    readonly limit: number,
    readonly bytes: number | null,
    setting: 'EVENTSTORE_MAX_APPEND_BYTES' | 'MaxAppendSize of the event store' = 'EVENTSTORE_MAX_APPEND_BYTES',
  ) {
    const got = bytes ?? 'more';
    super(
      'too-large',
      `Append to ${stream}: expected events of at most ${limit} bytes together (${setting}), got ${got}`,
    );
  }
}

/**
 * How a history is not what was recorded: its beginning is cut off, revisions are missing in the middle, none or too few of its
 * events are there, its stream was ended for ever, or an event of a known type is not what this application writes.
 */
export type Damage = 'truncated' | 'gap' | 'gone' | 'tombstoned' | 'unreadable';

/** 409, 410 where it was tombstoned: there is no whole history to decide on or to show, and nothing is appended to what is left. */
export class HistoryDamaged extends Error {
  constructor(
    readonly stream: string,
    readonly damage: Damage,
    readonly what: string,
  ) {
    super(`The history in stream ${stream} is damaged: ${what}`);
  }
}

/** The stream was ended for ever, with whatever tool: it is never read or written again. Of other streams that says nothing. */
export class StreamTombstoned extends HistoryDamaged {
  constructor(stream: string) {
    super(
      stream,
      'tombstoned',
      'it was tombstoned in the event store: expected its events, and they can neither be read nor added to. ' +
        'Restore the event store from a backup; `npm run audit -- verify --all` says since when it is so',
    );
  }
}

/** An event of the history is not what this application writes: there is no state after it. */
export class HistoryUnreadable extends HistoryDamaged {
  readonly revision: bigint;

  constructor({ stream, revision, type }: Pick<RecordedEvent, 'stream' | 'revision' | 'type'>, why: string) {
    super(
      stream,
      'unreadable',
      `Event ${revision} (${type}) cannot be applied, so there is no state from it on: ${why.slice(0, 500)}`,
    );
    this.revision = revision;
    this.message = this.what;
  }
}
