export type RunnerLimits = Readonly<{
  /** Events in one transaction. */
  batch: number;
  /** After a batch of so many events more are waited for: fewer, larger transactions cost less. */
  gatherAfter: number;
  gatherMs: number;
  /** Events that wait while the store is busy. */
  buffered: number;
  /** How often the checkpoint moves where only other streams have events. */
  checkpointEveryMs: number;
  /** The pause before an instance that does not lead asks again, and the one after an error; spread by half of it. */
  leadPauseMs: number;
  /** Between two looks for what operators have ordered, and how many orders one look takes up. */
  ordersEveryMs: number;
  ordersAtOnce: number;
  /** Executions held back, all projections together. More than that is no poison event but a fault of ours: stand still. */
  poisoned: number;
}>;

const PROJECTION_BATCH = 200;

export const DEFAULT_RUNNER_LIMITS: RunnerLimits = {
  batch: PROJECTION_BATCH,
  gatherAfter: 50,
  gatherMs: 40,
  buffered: 2 * PROJECTION_BATCH,
  checkpointEveryMs: 5_000,
  leadPauseMs: 1_000,
  ordersEveryMs: 500,
  ordersAtOnce: 100,
  poisoned: 10_000,
};
