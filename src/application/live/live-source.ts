import type { EventView, ExecutionView } from '../queries/read-model.js';
import type { LiveEvent, StreamFilter } from './live-event.js';

/** How far the table of events has come, and what happened to rows that lie behind. */
export type HighWaterMark = Readonly<{
  /** Of the last event in the table; 0 where there is none. */
  position: bigint;
  /** Which place the table had passed when rows before it were last added or exchanged; null: never. */
  lateAt: bigint | null;
  /** How often a row was added late, and how often the table was exchanged for a rebuilt one. */
  late: bigint;
  exchanged: bigint;
}>;

/** What is known of an execution before an event of it. */
export type Standing = Readonly<{ projectId: string | null; state: string | null; revision: bigint }>;

export type ManySnapshot = Readonly<{
  executions: readonly ExecutionView[];
  /** For the list query, where there are more. */
  nextCursor: string | null;
  reach: HighWaterMark;
}>;

/** What live streams read from the tables. */
export abstract class LiveSource {
  abstract reach(): Promise<HighWaterMark>;
  /** In the order of the log, none of them marked as late; as of one moment with `reach`. */
  abstract after(
    position: bigint,
    limit: number,
  ): Promise<Readonly<{ events: readonly LiveEvent[]; reach: HighWaterMark }>>;
  abstract ofExecution(executionId: string, after: bigint, limit: number): Promise<readonly LiveEvent[]>;
  /** Newest first, `limit` at most, as of one moment. */
  abstract executions(filter: StreamFilter, limit: number): Promise<ManySnapshot>;
  /** In the order of the events. */
  abstract before(events: readonly EventView[]): Promise<readonly Standing[]>;
}
