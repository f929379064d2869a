/** What live streams follow and read: committed events, the state of the tables, the port that reads them. */
import { isInScope, type Scope } from '../../domain/access/grants.js';
import { hasEnded } from '../../domain/workflow/state.js';
import type { EventView, ExecutionView } from '../queries/read-model.js';

/** The last event in the table, and what happened to rows before it. */
export type HighWaterMark = Readonly<{
  /** 0 where the table is empty. */
  position: bigint;
  /** The highest position at the moment when rows before it were last added or exchanged; null: never. */
  lateAt: bigint | null;
  /** How often a row was added late, and how often the table was exchanged for a rebuilt one. */
  late: bigint;
  exchanged: bigint;
}>;

/** What is known of an execution before an event of it. */
export type LastKnownState = Readonly<{ projectId: string | null; state: string | null; revision: bigint }>;

export type ManySnapshot = Readonly<{
  executions: readonly ExecutionView[];
  /** For the list query; null where the snapshot has all executions. */
  nextCursor: string | null;
  highWaterMark: HighWaterMark;
}>;

type EventsAfter = Readonly<{ events: readonly LiveEvent[]; highWaterMark: HighWaterMark }>;

/** What live streams read from the tables. */
export abstract class LiveSource {
  abstract highWaterMark(): Promise<HighWaterMark>;
  /** In the order of the log, none of them marked as late; as of one moment with the high-water mark. */
  abstract after(position: bigint, limit: number): Promise<EventsAfter>;
  abstract ofExecution(executionId: string, after: bigint, limit: number): Promise<readonly LiveEvent[]>;
  /** Newest first, `limit` at most, as of one moment. */
  abstract executions(filter: StreamFilter, limit: number): Promise<ManySnapshot>;
  /** In the order of the events. */
  abstract before(events: readonly EventView[]): Promise<readonly LastKnownState[]>;
}

/** A committed event as live streams pass it on, with what its row does not say. One object for all streams that get it. */
export type LiveEvent = Readonly<{
  event: EventView;
  position: bigint;
  /** Null where the tables do not show the execution yet. */
  projectId: string | null;
  /** `current_state` before this event; null before the first. */
  previousState: string | null;
  /** Its row was written after rows of higher positions: its execution had been held back. */
  late: boolean;
}>;

export type StreamFilter = Readonly<{
  projectId?: string;
  state?: string;
  /** The projects that the client may see; absent: all. An event whose project is not known is in none. */
  scope?: Scope;
}>;

/** What a client is sent for an event: the event itself, or that the execution has left the state it asks for. */
export type Notice = 'event' | 'left';

/** An event of an unknown type says nothing of the state, and leaves it as it was. */
export const stateAfter = ({ event, previousState }: LiveEvent): string | null => event.current_state ?? previousState;

/** @returns null where the client does not ask for such events */
export const noticeFor = ({ projectId, state, scope }: StreamFilter, live: LiveEvent): Notice | null => {
  if (scope !== undefined && scope !== 'all' && !(live.projectId !== null && isInScope(scope, live.projectId)))
    return null;
  if (projectId !== undefined && live.projectId !== projectId) return null;
  if (state === undefined || stateAfter(live) === state) return 'event';
  return live.previousState === state ? 'left' : null;
};

export const endOf = (state: string | null): string | null => (hasEnded(state) ? state : null);

export type StreamLimits = Readonly<{
  /** Events that are read at a time. */
  pageEvents: number;
  /** Reads at the same time, of all streams together: commands and queries need the database too. */
  readsAtOnce: number;
  /** Executions that a snapshot of many shows. */
  snapshotExecutions: number;
  /** Events that a returning client of many executions is sent; for more it gets a snapshot. */
  catchUpEvents: number;
  /** Events that one stream keeps while it reads or waits for its client; with more, it reads them again. */
  waitingEvents: number;
  /** Events of all executions that wait to be dispatched. With more of them all streams read again. */
  queuedEvents: number;
  /** Events that are looked up and dispatched at a time. */
  batchEvents: number;
  /** Executions whose project and state are remembered; not less than `batchEvents`. */
  rememberedExecutions: number;
  /** Between two checks for rows that were added late or exchanged without an announcement. */
  lookMs: number;
}>;

export const DEFAULT_STREAM_LIMITS: StreamLimits = {
  pageEvents: 200,
  readsAtOnce: 4,
  snapshotExecutions: 200,
  catchUpEvents: 10_000,
  waitingEvents: 1_000,
  queuedEvents: 20_000,
  batchEvents: 500,
  rememberedExecutions: 10_000,
  lookMs: 5_000,
};
