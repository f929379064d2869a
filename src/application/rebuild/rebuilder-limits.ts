export type RebuilderLimits = Readonly<{
  /** Events in one transaction, and the pause after it that leaves the machine to others. */
  batch: number;
  pauseMs: number;
  /** Rows that differ of which a comparison tells. */
  samples: number;
  /** Executions held back, all projections together. */
  poisoned: number;
  /** Events that operators had passed over, all projections together. */
  skipped: number;
  /** How often an instance looks whether something is to be done. */
  everyMs: number;
  /** How often the live tables are asked for again while they are behind the rebuilt ones. */
  behindMs: number;
}>;

export const DEFAULT_REBUILDER_LIMITS: RebuilderLimits = {
  batch: 1_000,
  pauseMs: 0,
  samples: 20,
  poisoned: 10_000,
  skipped: 10_000,
  everyMs: 2_000,
  behindMs: 50,
};
