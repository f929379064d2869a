/**
 * How long an agent asks to be left alone, milliseconds.
 * @param value seconds, or an HTTP-date in any of its three forms, as in the header Retry-After
 * @param limitMs what a longer wish is cut to
 * @returns null where there is no wish that can be understood; 0 where it lies in the past
 */
export const retryAfterMs = (value: unknown, now: Date, limitMs: number): number | null => {
  const delayMs = typeof value === 'number' ? value * 1000 : typeof value === 'string' ? parse(value.trim(), now) : NaN;
  return Number.isNaN(delayMs) ? null : Math.round(Math.min(Math.max(delayMs, 0), limitMs));
};

const parse = (text: string, now: Date): number => {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  // Date.parse alone takes almost anything for a date.
  if (!/^(mon|tue|wed|thu|fri|sat|sun)[a-z]*,? /i.test(text)) return NaN;
  // The asctime form names no zone; all three are in GMT.
  return Date.parse(/GMT$/i.test(text) ? text : `${text} GMT`) - now.getTime();
};
