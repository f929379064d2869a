/** Keeps secrets of our calls out of what agents send back: some repeat the headers that they were sent. */

const HIDDEN = '[hidden]';

/** A shorter one would be found in texts that have nothing to do with it. */
const SHORTEST = 8;

/** The values that can be looked for: each once, the longer first, as one may hold another. */
export const searchable = (values: readonly string[]): readonly string[] =>
  [...new Set(values)].filter(({ length }) => length >= SHORTEST).sort((a, b) => b.length - a.length);

/** @param secrets `searchable` ones; exact matches only */
export const hideIn = (text: string, secrets: readonly string[]): string =>
  secrets.reduce((shown, secret) => shown.replaceAll(secret, HIDDEN), text);

/** The same in all texts and keys of a JSON value whose depth is bounded. What holds none is not copied. */
export const hideInJson = (value: unknown, secrets: readonly string[]): unknown => {
  if (secrets.length === 0) return value;
  if (typeof value === 'string') return hideIn(value, secrets);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const hidden = value.map((member) => hideInJson(member, secrets));
    return hidden.some((member, index) => member !== value[index]) ? hidden : value;
  }
  const members = Object.entries(value);
  const hidden = members.map(([key, member]) => [hideIn(key, secrets), hideInJson(member, secrets)] as const);
  const isChanged = hidden.some(([key, member], index) => key !== members[index]![0] || member !== members[index]![1]);
  return isChanged ? Object.fromEntries(hidden) : value;
};
