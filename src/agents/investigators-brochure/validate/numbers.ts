/** Numbers in prose. Every digit counts, also those in names such as HbA1c: a changed one is a wrong name. */

/** A sign counts where it cannot be a hyphen or a range. */
const NUMBER = /(?:(?<=^|[\s([=<>≤≥±×,;:|])[-−])?\p{N}+(?:[.,]\p{N}+)*/gu;
const THOUSANDS = /^[-−]?\d{1,3}(,\d{3})+(\.\d+)?$/;

export type Found = Readonly<{ number: string; after: string; end: number }>;

/** The longest unit, the longest value, and some. */
const AFTER = 160;

/** In their order; `1,500` and `1500` are one number. `after` is what follows in the text, from `end` on. */
export const numbersWithContext = (text: string): Found[] =>
  [...text.matchAll(NUMBER)].map((match) => {
    const end = match.index + match[0].length;
    const plain = THOUSANDS.test(match[0]) ? match[0].replaceAll(',', '') : match[0];
    return { number: plain.replace('−', '-'), after: text.slice(end, end + AFTER), end };
  });

export const numbersIn = (text: string): string[] => numbersWithContext(text).map(({ number }) => number);

/**
 * The first number of `found` that cannot be read out of `allowed` from left to right; undefined where all can.
 * Order matters: two numbers that changed places are two wrong numbers.
 */
export const strayNumber = (found: readonly string[], allowed: readonly string[]): string | undefined => {
  let next = 0;
  for (const number of found) {
    const at = allowed.indexOf(number, next);
    if (at < 0) return number;
    next = at + 1;
  }
  return undefined;
};
