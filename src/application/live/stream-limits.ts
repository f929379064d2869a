export type StreamLimits = Readonly<{
  /** Events that are read at a time. */
  pageEvents: number;
  /** Reads at the same time, of all streams together: others need the database too. */
  readsAtOnce: number;
  /** Executions that a snapshot of many shows. */
  snapshotExecutions: number;
  /** Events that are told to a client of many executions that was away; after more it gets a snapshot. */
  catchUpEvents: number;
  /** Events that one stream keeps while it reads or waits for its client; with more, it reads them again. */
  waitingEvents: number;
  /** Events of all executions that wait to be told. With more of them all streams read again. */
  queuedEvents: number;
  /** Events that are looked up and told at a time. */
  batchEvents: number;
  /** Executions whose project and state are remembered; not less than `batchEvents`. */
  rememberedExecutions: number;
  /** Between two looks at whether rows were added late or exchanged without a word. */
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
