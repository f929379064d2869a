import type { Fact } from '../project/fact.js';
import { quantities, sentenceOf } from '../project/phrases.js';
import { numbersIn, numbersWithContext } from './numbers.js';

/** For each number that always has a unit in these facts, the units that it may have. */
const unitsByNumber = (facts: readonly Fact[]): Map<string, Set<string>> => {
  const units = new Map<string, Set<string>>();
  const often = count(
    facts.flatMap((fact) => numbersIn(fact.statement === null ? quantities(fact) : sentenceOf(fact))),
  );
  for (const { value, unit } of facts.flatMap(({ values }) => values)) {
    const number = numbersIn(value).at(-1);
    if (number === undefined || unit === null) continue;
    units.set(number, (units.get(number) ?? new Set()).add(unit));
  }
  const measured = count(
    facts.flatMap(({ values }) =>
      values.flatMap(({ value, unit }) => (unit === null ? [] : (numbersIn(value).at(-1) ?? []))),
    ),
  );
  // A number that also stands there without a unit may stand without one.
  for (const number of units.keys()) if ((often.get(number) ?? 0) > (measured.get(number) ?? 0)) units.delete(number);
  return units;
};

const count = (numbers: readonly string[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1);
  return counts;
};

/** `6.2 days`, where the cited facts say `6.2 h`; undefined where every unit is right. */
export const strayUnit = (text: string, facts: readonly Fact[]): string | undefined => {
  const units = unitsByNumber(facts);
  for (const { number, after } of numbersWithContext(text)) {
    const allowed = units.get(number);
    if (!allowed) continue;
    const following = after.replace(/^\s/, '');
    const right = [...allowed].some(
      (unit) => following.startsWith(unit) && !/^[\p{L}\p{N}/]/u.test(following.slice(unit.length)),
    );
    if (!right)
      return `${number}${after.split(/(?<=\S)[\s,;.]/u)[0] ?? ''} instead of ${number} ${[...allowed].join(' or ')}`;
  }
  return undefined;
};
