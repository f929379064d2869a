export type RebuildStoreLimits = Readonly<{
  connectTimeoutMs: number;
  /** For an index or the comparison of a large table. */
  statementTimeoutMs: number;
  /** Readers never wait longer for a swap; it is tried again after the pause, so often. */
  lockTimeoutMs: number;
  lockPauseMs: number;
  lockTries: number;
  /** For the leader of the projections to give way. */
  leadWaitMs: number;
  /** A builder that the database has not heard of for longer loses its right. */
  silenceMs: number;
}>;

export const DEFAULT_REBUILD_STORE_LIMITS: RebuildStoreLimits = {
  connectTimeoutMs: 10_000,
  statementTimeoutMs: 600_000,
  lockTimeoutMs: 500,
  lockPauseMs: 250,
  lockTries: 40,
  leadWaitMs: 10_000,
  silenceMs: 15_000,
};
