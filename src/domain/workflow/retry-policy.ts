/** Delays in milliseconds. `maximumAttempts` counts the first attempt too: `max_retries` + 1. */
export type RetryPolicy = Readonly<{
  maximumAttempts: number;
  initialIntervalMs: number;
  backoffCoefficient: number;
  maximumIntervalMs: number;
}>;

export type ErrorType = 'transient' | 'validation' | 'fatal';
export type StepError = Readonly<{
  type: ErrorType;
  message: string;
  code: string;
}>;

/** Why a failed attempt is, or is not, followed by another. Stored in StepFailed, so that the history explains itself. */
export type RetryDecision = Readonly<{
  rule: 'retry' | 'error_not_retryable' | 'step_not_retryable' | 'attempts_exhausted';
  /** This was attempt k ... of at most n in this generation; interrupted attempts do not count. */
  attempt: number;
  of: number;
  delayMs: number | null;
  /** Null where there is no delay, as nothing follows by itself. */
  delaySource: 'backoff' | 'retry_after' | null;
  /** The class of the error that was decided on. */
  errorType?: ErrorType;
  /** What follows: another attempt, or the end of the execution, of the step alone, or a pause. */
  then?: 'retry' | 'fail' | 'skip' | 'pause';
}>;

/** Exponential and without jitter: decide() must give the same answer every time it is asked. 1 s, 2 s, 4 s by default. */
export const backoffMs = (policy: RetryPolicy, attempt: number): number =>
  Math.min(policy.initialIntervalMs * policy.backoffCoefficient ** (attempt - 1), policy.maximumIntervalMs);

/** @param attempt how many attempts of this generation counted so far, this one included. @param retryAfterMs the agent's own wish. */
export const decideRetry = (
  policy: RetryPolicy,
  attempt: number,
  error: StepError,
  retryAfterMs: number | null,
): RetryDecision => {
  const of = policy.maximumAttempts;
  const no = (rule: RetryDecision['rule']): RetryDecision => ({
    rule,
    attempt,
    of,
    delayMs: null,
    delaySource: null,
    errorType: error.type,
  });
  if (error.type !== 'transient') return no('error_not_retryable');
  if (of <= 1) return no('step_not_retryable');
  if (attempt >= of) return no('attempts_exhausted');
  const backoff = backoffMs(policy, attempt);
  const retry = { rule: 'retry', attempt, of, errorType: error.type, then: 'retry' } as const;
  return retryAfterMs !== null && retryAfterMs >= backoff
    ? { ...retry, delayMs: retryAfterMs, delaySource: 'retry_after' }
    : { ...retry, delayMs: backoff, delaySource: 'backoff' };
};
