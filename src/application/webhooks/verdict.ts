/** What an answer, or its absence, means for a delivery and for the subscription. */
import { nextPauseMs, type BackOff } from '../../domain/webhook/back-off.js';
import type { DisableCause } from '../../domain/webhook/webhook.js';
import type { DeliveryOutcome } from './webhook-queue.js';
import type { Answered } from './webhook-sender.js';

const GONE = 410;

export type Verdict = Readonly<{
  outcome: DeliveryOutcome;
  /** Null: the subscription stays as it is. */
  disable: Readonly<{ cause: DisableCause; reason: string }> | null;
}>;

/** @param before attempts before this one, and milliseconds from the first of them to the end of this one */
export const verdictOn = (
  { statusCode, error, retryAfterMs }: Pick<Answered, 'statusCode' | 'error' | 'retryAfterMs'>,
  before: Readonly<{ attempts: number; ageMs: number }>,
  backOff: BackOff,
  jitter: number,
): Verdict => {
  if (statusCode !== null && statusCode >= 200 && statusCode < 300)
    return { outcome: { state: 'delivered' }, disable: null };
  if (statusCode === GONE) {
    const reason = 'The receiver answered 410: it wants no more';
    return { outcome: { state: 'failed' }, disable: { cause: 'gone', reason } };
  }
  const attempts = before.attempts + 1;
  const pauseMs = nextPauseMs(backOff, { attempts, ageMs: before.ageMs, retryAfterMs, jitter });
  if (pauseMs !== null) return { outcome: { state: 'pending', pauseMs }, disable: null };
  const last = statusCode === null ? (error ?? 'no answer') : `status ${statusCode}`;
  const reason = `One delivery failed for ${hours(backOff.giveUpMs)}, in ${attempts} attempts; the last: ${last}`;
  return { outcome: { state: 'failed' }, disable: { cause: 'lasting_failure', reason } };
};

const HOUR_MS = 3_600_000;
const hours = (ms: number): string => (ms >= HOUR_MS ? `${Math.round(ms / HOUR_MS)} h` : `${Math.round(ms)} ms`);
