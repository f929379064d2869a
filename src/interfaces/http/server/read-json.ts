/** Bytes of a body -> the JSON object in them. Stricter than JSON.parse: what could not be stored, or could harm, is refused. */
import { isUtf8 } from 'node:buffer';
import { excessOf, type JsonBounds } from '../../../domain/json-scan.js';
import { isStorableText, type JsonObject } from '../../../domain/json.js';
import { lostNumeral, pathTo } from '../../../domain/numerals.js';
import { bounded, received, badRequest, bodyTooComplex, problem, Refusal } from './refusal.js';

export type BodyRules = JsonBounds &
  Readonly<{
    /** Whether numbers are refused that are rounded when they are read. Default true. */
    exact?: boolean;
  }>;

/** They reach into the prototypes of objects that the values are copied to. */
const REFUSED_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

const BYTE_ORDER_MARK = 0xfeff;

/** @throws Refusal 400; 413 for a body with too many members */
export const readJson = (bytes: Uint8Array, { exact = true, ...bounds }: BodyRules): JsonObject => {
  if (bytes.byteLength === 0) throw badRequest([problem('body', 'a JSON object', undefined)]);
  if (!isUtf8(bytes)) throw malformed('UTF-8, got bytes that are not');
  refuseExcess(bytes, bounds);
  const text = withoutByteOrderMark(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  const value = parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest([problem('body', 'a JSON object', value)]);
  }
  refuseHarm(value);
  if (exact) refuseLostNumerals(text);
  return value as JsonObject;
};

const malformed = (expectation: string) => new Refusal(400, 'MALFORMED_JSON', `body: expected ${expectation}`);

const withoutByteOrderMark = (text: string) => (text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text);

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw malformed(`JSON, got text that is not: ${bounded((error as Error).message)}`);
  }
};

/** Before parsing: a value of a million levels, or members, costs many times the memory of its text. */
const refuseExcess = (bytes: Uint8Array, bounds: JsonBounds): void => {
  const excess = excessOf(bytes, bounds);
  if (excess === 'members') throw bodyTooComplex(bounds.members);
  if (excess === 'depth')
    throw badRequest([{ field: 'body', expected: `at most ${bounds.depth} levels of nesting`, received: 'more' }]);
};

type Place = Readonly<{ value: object; key: string; parent: Place | null }>;

/** A stack of its own, so that no value can be too deep for the walk. */
const refuseHarm = (body: object): void => {
  const stack: Place[] = [{ value: body, key: '', parent: null }];
  for (let place = stack.pop(); place; place = stack.pop()) {
    const isArray = Array.isArray(place.value);
    for (const [key, member] of Object.entries(place.value) as [string, unknown][]) {
      const reason = (isArray ? undefined : harmOfKey(key)) ?? harmOfValue(member);
      if (reason) throw badRequest([{ field: fieldOf(place, key), ...reason }]);
      if (typeof member === 'object' && member !== null) stack.push({ value: member, key, parent: place });
    }
  }
};

const TEXT = 'text without U+0000 and without half of a surrogate pair';

const harmOfKey = (key: string) => {
  if (REFUSED_KEYS.has(key)) return { expected: 'no such name anywhere', received: received(key) };
  return !isStorableText(key) ? { expected: TEXT, received: received(key) } : undefined;
};

const harmOfValue = (value: unknown) => {
  if (typeof value === 'string' && !isStorableText(value)) return { expected: TEXT, received: received(value) };
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return { expected: 'a number that a double can hold', received: 'a larger one' };
  }
  return undefined;
};

const EXACT = 'a whole number from -(2^53 - 1) to 2^53 - 1, or a text';

/** What is larger than any double is refused before. */
const refuseLostNumerals = (text: string): void => {
  const lost = lostNumeral(text);
  if (!lost) return;
  const field = bounded(pathTo(text, lost.offset).join('.'));
  throw badRequest([{ field, expected: EXACT, received: bounded(lost.numeral) }]);
};

const fieldOf = (place: Place | null, key: string): string => {
  const keys = [key];
  for (let up = place; up?.parent; up = up.parent) keys.unshift(up.key);
  return bounded(keys.join('.'));
};
