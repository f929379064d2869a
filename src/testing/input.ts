/** Checks of what a test gives: many tests are JavaScript, where nobody else notices a mistyped name. */

const shown = (value: unknown): string =>
  typeof value === 'function' ? 'a function' : (JSON.stringify(value) ?? String(value));

/** @throws TypeError where `given` is no object, or has other members than these */
export const mustHaveOnly = (what: string, given: object, members: readonly string[]): void => {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new TypeError(`${what}: expected an object with ${members.join(', ')}, got ${shown(given)}`);
  const strays = Object.keys(given).filter((member) => !members.includes(member));
  if (strays.length > 0) throw new TypeError(`${what}: expected ${members.join(', ')}, got ${strays.join(', ')}`);
};

/** @throws TypeError where there is a reason that is no text */
export const reasonFrom = (what: string, reason: string | undefined): string | null => {
  if (reason !== undefined && typeof reason !== 'string')
    throw new TypeError(`${what}: expected its reason as a text, got ${shown(reason)}`);
  return reason ?? null;
};

/** @throws TypeError where it is no whole number from 1 on */
export const mustCount = (what: string, count: number): number => {
  if (!Number.isSafeInteger(count) || count < 1)
    throw new TypeError(`${what}: expected a whole number from 1 on, got ${shown(count)}`);
  return count;
};
