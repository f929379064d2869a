import {
  type Fact,
  joined,
  plainPiece,
  quantitiesPhrase,
  quantityPhrase,
  sentencePhrase,
  type Phrase,
  textOf,
} from '../project/fact.js';
import type { Block, BlockOf } from '../document.js';
import type { Problem, ProblemCode } from './structure.js';

// Numbers in prose. Every digit counts, also those in names such as HbA1c: a changed one is a wrong name.

/** A sign counts where it cannot be a hyphen or a range. */
const NUMBER = /(?:(?<=^|[\s([=<>≤≥±×,;:|])[-−])?\p{N}+(?:[.,]\p{N}+)*/gu;
const THOUSANDS = /^[-−]?\d{1,3}(,\d{3})+(\.\d+)?$/;

type Found = Readonly<{ number: string; after: string; end: number }>;

/** The longest unit, the longest value, and some. */
const AFTER = 160;

/** In their order; `1,500` and `1500` are one number. `after` is what follows in the text, from `end` on. */
const numbersWithContext = (text: string): Found[] =>
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
const strayUnit = (text: string, phrase: Phrase, bare: (text: string) => string): string | undefined => {
  const expected = expectedNumbers(phrase, bare(textOf(phrase)));
  const found = numbersWithContext(bare(text));
  let next = 0;
  for (const token of found) {
    const at = expected.findIndex((candidate, index) => index >= next && fits(token, candidate));
    if (at < 0) return mismatchOf(nearest(found, expected) ?? token, expected);
    next = at + 1;
  }
  return undefined;
};

/** A number that has its unit nowhere in the phrase is the one to name; the place where reading stopped may be later. */
const nearest = (found: readonly Found[], expected: readonly Expected[]): Found | undefined =>
  found.find(
    (token) =>
      expected.some(({ number }) => number === token.number) && !expected.some((candidate) => fits(token, candidate)),
  );

/** What stands there, and what was expected. */
const mismatchOf = ({ number, after }: Found, expected: readonly Expected[]): string => {
  const units = expected.filter((candidate) => candidate.number === number).flatMap(({ units: [unit] }) => unit ?? []);
  return `${number}${after.split(/(?<=\S)[\s,;.]/u)[0] ?? ''} instead of ${number} ${[...new Set(units)].join(' or ')}`;
};

export type Checked = {
  problems: Problem[];
  cited: Set<string>;
  sentences: number;
  uncitedSentences: number;
  rows: number;
  numbers: number;
};

type Scope = Readonly<{
  section: string;
  facts: ReadonlyMap<string, Fact>;
  /** Names that may hold digits of their own. */
  names: readonly string[];
  /** What a sentence without citation may take numbers from. */
  given: string;
  /** What subheadings may take numbers from. */
  headings: readonly string[];
}>;

const CELL = ' | ';
const QUOTED = 80;
const quote = (text: string): string => JSON.stringify(text.length > QUOTED ? `${text.slice(0, QUOTED)}…` : text);

type Checks = Readonly<{
  /** @returns the facts that resolve */
  resolve: (ids: readonly string[], where: string) => Fact[];
  compare: (text: string, allowed: Phrase, cited: readonly Fact[]) => void;
}>;

const checksOf = (scope: Scope, checked: Checked): Checks => {
  const report = (code: ProblemCode, message: string) =>
    checked.problems.push({ code, section: scope.section, message: `${scope.section}: ${message}` });
  const bare = (text: string) =>
    scope.names.reduce((rest, name) => rest.replaceAll(name, ' '.repeat(name.length)), text);

  const resolve: Checks['resolve'] = (ids, where) =>
    ids.flatMap((id) => {
      checked.cited.add(id);
      const fact = scope.facts.get(id);
      if (!fact) report('citation_unresolved', `${where} cites "${id}", which is no fact of the project`);
      return fact ?? [];
    });

  const compare: Checks['compare'] = (text, allowed, cited) => {
    const found = numbersIn(bare(text));
    checked.numbers += found.length;
    const stray = strayNumber(found, numbersIn(bare(textOf(allowed))));
    const ids = cited.map(({ id }) => id).join(', ');
    if (stray !== undefined && cited.length === 0) report('number_uncited', `${stray} in ${quote(text)} is not cited`);
    else if (stray !== undefined) report('number_wrong', `${stray} in ${quote(text)} does not stand there in ${ids}`);
    if (stray !== undefined) return;
    const unit = strayUnit(text, allowed, bare);
    if (unit !== undefined) report('unit_wrong', `${unit} in ${quote(text)}, citing ${ids}`);
  };
  return { resolve, compare };
};

const checkTable = ({ caption, columns, rows }: BlockOf<'table'>, { resolve, compare }: Checks): void => {
  const cited = rows.map(({ cells, facts: ids }) => ({ cells, facts: resolve(ids, quote(cells.join(CELL))) }));
  const all = cited.flatMap(({ facts }) => facts);
  const byLabel = all.every(({ values }) => values.every(({ label }) => label !== null && columns.includes(label)));
  compare(caption, [plainPiece(all[0]?.table ?? '')], []);
  const titles = byLabel ? (all[0]?.values.map(({ label }) => label).join(CELL) ?? '') : '';
  compare(columns.join(CELL), [plainPiece(titles)], []);
  for (const { cells, facts } of cited) {
    const values = (fact: Fact) => (byLabel ? fact.values.map(quantityPhrase) : [quantitiesPhrase(fact)]);
    const row = facts.flatMap((fact) => [[plainPiece(fact.subject)], ...values(fact)]);
    compare(cells.join(CELL), joined(row, CELL), facts);
  }
};

/** Does every citation resolve, and does every number stand, in its place and with its unit, in a fact cited beside it? */
export const checkBlock = (block: Block, scope: Scope, checked: Checked): void => {
  const checks = checksOf(scope, checked);
  switch (block.kind) {
    case 'paragraph':
      for (const { text, facts: ids } of block.sentences) {
        const facts = checks.resolve(ids, quote(text));
        checked.sentences += 1;
        if (ids.length === 0) checked.uncitedSentences += 1;
        const allowed = ids.length === 0 ? [plainPiece(scope.given)] : joined(facts.map(sentencePhrase), ' ');
        checks.compare(text, allowed, facts);
      }
      return;
    case 'table':
      checked.rows += block.rows.length;
      return checkTable(block, checks);
    case 'subheading': {
      const allowed = scope.headings.find((heading) => heading === block.text) ?? '';
      return checks.compare(block.text, [plainPiece(allowed)], []);
    }
    case 'fields':
    case 'generated':
      return;
  }
};
