/** When a delivery that failed is tried again, and for how long. */

export type BackOff = Readonly<{
  /** The pause after the first failure, milliseconds; the later ones are multiples of it. */
  firstMs: number;
  /** From the first attempt on. What has failed for so long is given up. */
  giveUpMs: number;
}>;

/** With a first pause of 5 s: 5 s, 30 s, 2 min, 5 min, 15 min, 30 min, 1 h, and 2 h from then on. */
const STEPS = [1, 6, 24, 60, 180, 360, 720, 1440] as const;

/** A pause is made longer by up to this share of it, so that what failed together is not tried together. */
const SPREAD = 0.2;

export type Failures = Readonly<{
  /** Attempts so far, the one that just failed included. */
  attempts: number;
  /** Milliseconds since the first of them. */
  ageMs: number;
  /** What the receiver asked for. */
  retryAfterMs: number | null;
  /** In [0, 1). */
  jitter: number;
}>;

/** Milliseconds until the next attempt; the last one is made when the time is over. Null: given up. */
export const nextPauseMs = ({ firstMs, giveUpMs }: BackOff, failures: Failures): number | null => {
  const leftMs = giveUpMs - failures.ageMs;
  if (leftMs <= 0) return null;
  const step = STEPS[Math.min(failures.attempts, STEPS.length) - 1] ?? STEPS[0];
  const pause = firstMs * step * (1 + SPREAD * failures.jitter);
  return Math.ceil(Math.min(Math.max(pause, failures.retryAfterMs ?? 0), leftMs));
};
