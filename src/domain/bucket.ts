/**
 * A rate limit, of an agent's calls or a client's requests: a token bucket as pure functions. It holds `calls` tokens and gains as many in each window:
 * after a rest a burst of `calls` may go out at once, and in any time t no more than `calls * (1 + t / windowMs)`.
 */
export type RateLimit = Readonly<{
  /** 0: no limit. */
  calls: number;
  windowMs: number;
}>;

/** `tokens` as they were at `at`, milliseconds since 1970. */
export type Bucket = Readonly<{ tokens: number; at: number }>;

/** Sums of fractions come out a little below a whole. */
const ALMOST = 1 - 1e-6;

export const fullBucket = ({ calls }: RateLimit, now: number): Bucket => ({ tokens: calls, at: now });

export const hasToken = (bucket: Bucket, limit: RateLimit, now: number): boolean =>
  limit.calls === 0 || filled(bucket, limit, now).tokens >= ALMOST;

/** For a call that `hasToken` allows. */
export const takeToken = (bucket: Bucket, limit: RateLimit, now: number): Bucket => {
  const { tokens, at } = filled(bucket, limit, now);
  return { tokens: Math.max(0, tokens - 1), at };
};

/** The call was not made. */
export const giveTokenBack = (bucket: Bucket, limit: RateLimit, now: number): Bucket => {
  const { tokens, at } = filled(bucket, limit, now);
  return { tokens: Math.min(limit.calls, tokens + 1), at };
};

/** When the next call may be made, not before `now`. */
export const nextTokenAt = (bucket: Bucket, limit: RateLimit, now: number): number => {
  if (hasToken(bucket, limit, now)) return now;
  const missing = 1 - filled(bucket, limit, now).tokens;
  return now + Math.ceil((missing * limit.windowMs) / limit.calls);
};

/** A clock that was set back brings nothing, and takes nothing away. */
const filled = ({ tokens, at }: Bucket, { calls, windowMs }: RateLimit, now: number): Bucket => ({
  tokens: Math.min(calls, tokens + (Math.max(0, now - at) * calls) / windowMs),
  at: now,
});
