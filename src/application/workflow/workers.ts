/** The instances of this application that share one log. Their signs of life carry the database's clock, not their own. */
export abstract class Workers {
  /** Says that `worker` is alive. */
  abstract beat(worker: string): Promise<void>;
  /** Removes it, so that others need not wait for its silence. */
  abstract leave(worker: string): Promise<void>;
  /** Workers heard of within the timeout. */
  abstract alive(): Promise<ReadonlySet<string>>;
}

/** An execution with an effect due, as of that revision. */
export type DueExecution = Readonly<{ executionId: string; revision: bigint }>;

/**
 * Executions that the read tables show with an effect due: by time, or held by a worker that is gone. Calls in a row
 * come round to all of them: one that stays due keeps no other from being found.
 */
export abstract class DueExecutions {
  abstract find(now: Date, alive: ReadonlySet<string>, limit: number): Promise<readonly DueExecution[]>;
}
