import { quantityPhrase, textOf, type Phrase } from '../project/phrases.js';
import { numbersWithContext, type Found } from './numbers.js';

/** What must follow a number: one of `units`, and what follows that unit without a space. */
type Expected = Readonly<{ number: string; units: readonly string[]; after: string }>;

/**
 * The numbers of a phrase in their order. Only the last number of a value has its unit (`50 to 60 mg`); every other one,
 * such as that of `Day 1`, may be followed by anything.
 */
const expectedNumbers = (phrase: Phrase, text: string): Expected[] => {
  const measured = new Map<number, readonly string[]>();
  let start = 0;
  let before: Phrase[number] | undefined;
  for (const piece of phrase) {
    const numbers = numbersWithContext(piece.text);
    const last = numbers.at(-1);
    // Words of the value may stand between its last number and its unit: `2 or more` with `mg`.
    if (last && piece.value?.unit)
      measured.set(start + last.end, [piece.value.unit, textOf(quantityPhrase(piece.value)).slice(last.end)]);
    // A unit may hold numbers itself: `mL/min/1.73 m²`.
    if (before?.value?.unit)
      for (const { end } of numbers)
        if (piece.text.slice(end) !== '') measured.set(start + end, [piece.text.slice(end)]);
    start += piece.text.length;
    before = piece;
  }
  return numbersWithContext(text).map(({ number, after, end }) => ({
    number,
    after: plainSpaces(after),
    units: measured.get(end) ?? [],
  }));
};

const plainSpaces = (text: string): string => text.replace(/\s+/gu, ' ').trimStart();

/** `/kg` after `mg`: a longer unit than the fact's, unless the fact's own words go on in the same way. */
const goesOn = (text: string, unit: string): string => /^[\p{L}\p{N}/]*/u.exec(text.slice(unit.length))?.[0] ?? '';

const fits = ({ number, after }: Found, expected: Expected): boolean => {
  if (number !== expected.number) return false;
  if (expected.units.length === 0) return true;
  const following = plainSpaces(after);
  return expected.units.map(plainSpaces).some((unit) => {
    if (!following.startsWith(unit)) return false;
    const allowed = expected.after.startsWith(unit) ? goesOn(expected.after, unit) : '';
    return [allowed, ''].includes(goesOn(following, unit));
  });
};

/**
 * `6.2 days`, where the phrase says `6.2 h`; undefined where the text's numbers can be read out of the phrase from left
 * to right, each with its unit.
 *
 * @param bare takes names out of a text without moving what follows them
 */
export const strayUnit = (text: string, phrase: Phrase, bare: (text: string) => string): string | undefined => {
  const expected = expectedNumbers(phrase, bare(textOf(phrase)));
  const found = numbersWithContext(bare(text));
  let next = 0;
  for (const token of found) {
    const at = expected.findIndex((one, index) => index >= next && fits(token, one));
    if (at < 0) return told(nearest(found, expected) ?? token, expected);
    next = at + 1;
  }
  return undefined;
};

/** A number that has its unit nowhere in the phrase is the one to name; the place where reading stopped may be later. */
const nearest = (found: readonly Found[], expected: readonly Expected[]): Found | undefined =>
  found.find(
    (token) => expected.some(({ number }) => number === token.number) && !expected.some((one) => fits(token, one)),
  );

const told = ({ number, after }: Found, expected: readonly Expected[]): string => {
  const units = expected.filter((one) => one.number === number).flatMap(({ units: [unit] }) => unit ?? []);
  return `${number}${after.split(/(?<=\S)[\s,;.]/u)[0] ?? ''} instead of ${number} ${[...new Set(units)].join(' or ')}`;
};
