import type { LogMark } from '../log/log-identity.js';
import type { RecordedEvent } from '../log/event-log.js';
import type { AnyRow } from '../projections/projection.js';
import type { Touched } from './execution-fold.js';

/** How a bulk pass goes through the log: whole executions one after another, or events as they were recorded. */
export type BulkOrder = 'stream' | 'position';

/** Of the last event that a pass has taken in, by position. */
type LastTaken = LogMark & Readonly<{ recordedAt: Date }>;

/** How far a pass is: what comes before this is committed. Tables that began together share one pass. */
export type BulkPass = Readonly<{
  id: string;
  order: BulkOrder;
  /** Inclusive: where the live tables were when it began. */
  to: bigint;
  /** The last stream that is done, or a position; null at the beginning. */
  reached: string | null;
  /** Whether all events up to `to` are taken in; indexes and the events that were left for later follow. */
  isRead: boolean;
  events: number;
  buildMs: number;
  last: LastTaken | null;
}>;

export type BulkBegin = Readonly<{
  pass: string;
  order: BulkOrder;
  to: bigint;
  /** Of events, about; by which the progress is estimated. */
  total: number;
}>;

/** Rows by table, in the form in which the store takes them. */
export type EncodedRows = ReadonlyMap<string, readonly Uint8Array[]>;

/** Rows of tables that have no index yet. Whatever it adds is there once `reach` has returned, or not at all. */
export interface BulkWriter {
  /** By itself, so that it goes on while the store takes what was encoded before. @throws CannotApply where the data are at fault */
  encode(rows: ReadonlyMap<string, readonly AnyRow[]>): Promise<EncodedRows>;
  /**
   * Rows, and events that the applier takes when the indexes are there.
   * @throws CannotApply where the data are at fault; then nothing of this call is left
   */
  add(pass: BulkPass, rows: EncodedRows, later: readonly RecordedEvent[]): Promise<void>;
  /** Commits what was added. @throws where another builder has gone on with the pass: nothing is committed then */
  reach(before: BulkPass, after: BulkPass): Promise<void>;
  /** What the live tables have of constraints and indexes. @returns false where two rows have one key: the rows are useless then */
  addIndexes(projections: readonly string[]): Promise<boolean>;
  /** In the order of the log, after that position. */
  later(pass: BulkPass, after: bigint | 'start', limit: number): Promise<readonly RecordedEvent[]>;
  /** Whether one of these rows is there, and another execution's. */
  areOfOthers(projection: string, rows: readonly Touched[]): Promise<boolean>;
  /** The tables are as of `to` from now on, with its checkpoint. */
  finish(pass: BulkPass, versions: ReadonlyMap<string, number>): Promise<void>;
  /** The tables are empty, with their indexes: to be filled event by event. */
  giveUp(pass: BulkPass): Promise<void>;
  close(): Promise<void>;
}

/** The log as a table of this database, read execution by execution. */
export interface StreamOrderedLog {
  /** Whether this is the log in which that event stands. */
  holds(mark: LogMark): Promise<boolean>;
  /**
   * Whole streams one after another, from after that stream on; pages are bounded in events and in bytes. Between two of them others
   * have their turn: what is being written goes on while pages are folded.
   */
  pages(asked: StreamPages): AsyncIterable<readonly SizedEvent[]>;
}

/** `bytes`: of its texts, about. */
export type SizedEvent = Readonly<{ event: RecordedEvent; bytes: number }>;

export type StreamPages = Readonly<{
  /** Of the streams' names. */
  prefix: string;
  after: string | null;
  /** A position, inclusive: later events are left out. */
  to: bigint;
  events: number;
  bytes: number;
}>;
