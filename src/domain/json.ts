/** JSON as it is stored: whatever `JSON.parse` can give. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [key: string]: Json };

/** Whether Postgres can hold it, and so the read tables: neither U+0000 nor half of a surrogate pair. */
export const isStorableText = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

/**
 * One text for one value: keys sorted, no white space (RFC 8785 for the values that JSON events hold). Made to be hashed. A
 * member that is undefined is none, as in JSON: what is about to be stored has the text of what will be read.
 */
export const canonicalJson = (value: Json): string => {
  const sorted = inOrder(value);
  return sorted === undefined ? written(value) : JSON.stringify(sorted);
};

/**
 * The value with its keys sorted all the way down, itself where they are; undefined where no object of JavaScript can hold
 * them in that order. Each event that is stored passes here: the native writer of such a value is many times faster.
 */
const inOrder = (value: Json): Json | undefined => {
  if (value === null || typeof value !== 'object') return value;
  return isArray(value) ? itemsInOrder(value) : membersInOrder(value);
};

const itemsInOrder = (items: readonly Json[]): readonly Json[] | undefined => {
  let changed: Json[] | undefined;
  for (let index = 0; index < items.length; index++) {
    const item = items[index]!;
    const sorted = inOrder(item);
    if (sorted === undefined) return undefined;
    if (sorted !== item) (changed ??= [...items])[index] = sorted;
  }
  return changed ?? items;
};

const membersInOrder = (value: JsonObject): JsonObject | undefined => {
  const keys = Object.keys(value);
  let sorted: Record<string, Json> | undefined;
  if (!isSorted(keys)) {
    sortInPlace(keys);
    sorted = {};
  }
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    const member = value[key];
    if (member === undefined) continue;
    const sortedMember = inOrder(member);
    if (sortedMember === undefined || key === '__proto__' || startsWithDigit(key)) return undefined;
    if (sortedMember !== member) sorted ??= membersOf(value, keys.slice(0, index));
    if (sorted) sorted[key] = sortedMember;
  }
  return sorted ?? value;
};

const membersOf = (value: JsonObject, keys: readonly string[]): Record<string, Json> => {
  const members: Record<string, Json> = {};
  for (const key of keys) if (value[key] !== undefined) members[key] = value[key];
  return members;
};

const isSorted = (keys: readonly string[]): boolean => {
  for (let index = 1; index < keys.length; index++) if (keys[index - 1]! > keys[index]!) return false;
  return true;
};

/** An object has few keys: inserting them takes half the time of `sort`, and makes nothing that has to be cleared away. */
const MANY_KEYS = 32;

const sortInPlace = (keys: string[]): string[] => {
  if (keys.length > MANY_KEYS) return keys.sort();
  for (let index = 1; index < keys.length; index++) {
    const key = keys[index]!;
    let place = index;
    for (; place > 0 && keys[place - 1]! > key; place--) keys[place] = keys[place - 1]!;
    keys[place] = key;
  }
  return keys;
};

/** Keys that are numbers stand first in any object, in the order of numbers. */
const startsWithDigit = (key: string): boolean => {
  const code = key.charCodeAt(0);
  return code >= 48 && code <= 57;
};

const written = (value: Json): string => {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isArray(value)) return `[${value.map(written).join(',')}]`;
  const members = Object.keys(value)
    .sort()
    .flatMap((key) => {
      const member = value[key];
      return member === undefined ? [] : [`${JSON.stringify(key)}:${written(member)}`];
    });
  return `{${members.join(',')}}`;
};

const isArray = (value: object): value is readonly Json[] => Array.isArray(value);
