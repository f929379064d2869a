import type { BackOff } from '../../domain/webhook/webhook.js';

export type WebhookLimits = Readonly<{
  subscriptions: number;
  /** Secrets of one subscription that are kept at the same time. */
  secrets: number;
  /** Attempts under way on this instance, but for those that are slow or of silent receivers. */
  attempts: number;
  /** An attempt that takes longer is slow: it no longer counts among those, as long as no more than `slowAttempts` are. */
  slowMs: number;
  slowAttempts: number;
  /** Attempts under way to receivers whose last attempt was not answered in time, together; of each there is one. */
  silentAttempts: number;
  /** Attempts under way to one subscriber that answers, all instances together. */
  attemptsPerTarget: number;
  /** Of one attempt, from the connection to the last byte. */
  timeoutMs: number;
  backOff: BackOff;
  /** Deliveries that wait for one subscriber; with more it is disabled. */
  queued: number;
  /** Bytes of a body; the data of a larger event is left out. */
  bodyBytes: number;
  keepMs: number;
  keepRows: number;
}>;

/** What no setting changes. */
export type WebhookPace = Readonly<{
  /** Events in one transaction, and in memory while the database is busy. */
  batch: number;
  buffered: number;
  /** How often the position moves where no subscriber wants any event. */
  positionEveryMs: number;
  /** Before an instance that does not lead asks again, and after an error; spread by half of it. */
  leadPauseMs: number;
  /** Between two looks for what is due. */
  pollMs: number;
  /** An instance that was not heard of for so much longer than an attempt may take loses its claim. */
  graceMs: number;
  forgetEveryMs: number;
  forgetBatch: number;
  forgetBatches: number;
  /** Executions whose project is remembered. */
  projects: number;
}>;

export const DEFAULT_WEBHOOK_PACE: WebhookPace = {
  batch: 200,
  buffered: 400,
  positionEveryMs: 5_000,
  leadPauseMs: 1_000,
  pollMs: 500,
  graceMs: 10_000,
  forgetEveryMs: 60_000,
  forgetBatch: 5_000,
  forgetBatches: 100,
  projects: 10_000,
};
