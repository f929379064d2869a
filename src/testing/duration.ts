/** A span of virtual time: `{ minutes: 5 }`, `{ hours: 1, seconds: 30 }`. */
export type Duration = Readonly<{ days?: number; hours?: number; minutes?: number; seconds?: number; ms?: number }>;

const UNITS: Readonly<Record<string, number>> = {
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1_000,
  ms: 1,
};

/** @throws TypeError where it is none, named by `what` */
export const msOf = (duration: Duration, what: string): number => {
  const parts = typeof duration === 'object' && duration !== null ? Object.entries(duration) : [];
  const isPart = ([unit, count]: readonly [string, unknown]) =>
    unit in UNITS && typeof count === 'number' && Number.isFinite(count) && count >= 0;
  if (parts.length === 0 || !parts.every(isPart))
    throw new TypeError(
      `${what}: expected a duration such as { minutes: 5 }, of ${Object.keys(UNITS).join(', ')}, each at least 0, got ${JSON.stringify(duration)}`,
    );
  return parts.reduce((ms, [unit, count]) => ms + count * UNITS[unit]!, 0);
};

/** For people: `0.5 s`, `90 s`. */
export const inSeconds = (ms: number): string => `${ms / 1000} s`;
