import { types } from 'node:util';

/**
 * A value as JSON, where that says all of it: `JSON.stringify` makes `null` of NaN, Infinity, an invalid date and an undefined
 * in a list, nothing of functions and symbols, and `{}` of maps and sets. A member that is undefined is none.
 * @throws Error that says what would be lost
 */
export const wholeJson = (value: unknown): string | undefined =>
  JSON.stringify(value, function (this: unknown, key: string, member: unknown): unknown {
    const lost = lossOf(this, key, member);
    if (lost !== undefined) throw new TypeError(`${lost} ${key === '' ? 'is no JSON' : `under "${key}" is no JSON`}`);
    return member;
  });

/** @param member after its own `toJSON`, if it has one */
const lossOf = (holder: unknown, key: string, member: unknown): string | undefined => {
  if (typeof member === 'number') return Number.isFinite(member) ? undefined : String(member);
  if (typeof member === 'function' || typeof member === 'symbol') return `a ${typeof member}`;
  if (member === undefined) return Array.isArray(holder) ? 'undefined' : undefined;
  if (member === null) return types.isDate((holder as Record<string, unknown>)[key]) ? 'an invalid date' : undefined;
  return typeof member === 'object' ? kindOfLost(member) : undefined;
};

const kindOfLost = (member: object): string | undefined => {
  if (types.isMap(member) || types.isSet(member)) return 'a map or set';
  if (types.isAnyArrayBuffer(member) || ArrayBuffer.isView(member)) return 'a buffer';
  return types.isPromise(member) || types.isNativeError(member) || types.isRegExp(member)
    ? 'a promise, an error or an expression'
    : undefined;
};
