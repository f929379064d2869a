/** Which names look as if another had been meant. */

/** How far a name of that length may be from the known one, in single letters. */
const mayDiffer = (length: number): number => (length >= 10 ? 2 : 1);
const UNIT_LEFT_OUT = /^_(MS|BYTES|SECONDS|DAYS)$/;
const LONGEST = 64;

/**
 * Whether `name` is a slip of the pen for `known`: a letter too many, too few or wrong (two in a long name), neighbours in the
 * wrong order, an underscore, a unit or the case. Of short names only the order counts: HOSTS and POST are words of their own.
 */
export const isSlipOf = (name: string, known: string): boolean => {
  if (name === known || name.length > LONGEST) return false;
  const given = name.toUpperCase();
  const isLong = known.length >= 8;
  if (isLong && given.replaceAll('_', '') === known.replaceAll('_', '')) return true;
  if (isLong && known.startsWith(given) && UNIT_LEFT_OUT.test(known.slice(given.length))) return true;
  return isSwapOf(name, known) || (isLong && editDistance(given, known) <= mayDiffer(known.length));
};

/** The nearest of `known`, where any is near enough to have been meant. For names that are known to be mistakes. */
export const nearest = (name: string, known: readonly string[]): string | undefined => {
  const [best] = known
    .map((each) => ({ each, distance: editDistance(name.toUpperCase(), each) }))
    .sort((a, b) => a.distance - b.distance);
  return best && best.distance <= Math.max(2, Math.floor(best.each.length / 3)) ? best.each : undefined;
};

const isSwapOf = (name: string, known: string): boolean => {
  const at = [...known].findIndex((letter, index) => letter !== name[index]);
  if (at < 0 || at + 1 >= known.length) return false;
  return name === known.slice(0, at) + known[at + 1]! + known[at]! + known.slice(at + 2);
};

/** How many characters must be inserted, removed or replaced. Names are short; a long one is cut. */
const editDistance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, character] of [...from.slice(0, LONGEST)].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= to.length; column++) {
      const replaced = row[column - 1]! + (to[column - 1] === character ? 0 : 1);
      next.push(Math.min(replaced, row[column]! + 1, next[column - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
};
