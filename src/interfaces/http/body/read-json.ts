/** Bytes of a body -> the JSON object in them. Stricter than JSON.parse: what could not be stored, or could harm, is refused. */
import { isUtf8 } from 'node:buffer';
import { isStorableText, type JsonObject } from '../../../domain/json.js';
import { lostNumeral, pathTo } from '../../../domain/numerals.js';
import { bounded, received } from '../received.js';
import { badRequest, problem, Refusal } from '../refusal.js';

/** They reach into the prototypes of objects that the values are copied to. */
const REFUSED_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

const BYTE_ORDER_MARK = 0xfeff;

/**
 * @param exact whether numbers are refused that are rounded when they are read
 * @throws Refusal 400
 */
export const readJson = (bytes: Uint8Array, maxDepth: number, exact = true): JsonObject => {
  if (bytes.byteLength === 0) throw badRequest([problem('body', 'a JSON object', undefined)]);
  if (!isUtf8(bytes)) throw malformed('UTF-8, got bytes that are not');
  const text = withoutByteOrderMark(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  refuseDepth(text, maxDepth);
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

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** Before parsing: a value of a million levels costs many times the memory of its text. */
const refuseDepth = (text: string, maxDepth: number): void => {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === BACKSLASH) index++;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE) inString = true;
    else if (OPENING.has(code) && ++depth > maxDepth) {
      throw badRequest([{ field: 'body', expected: `at most ${maxDepth} levels of nesting`, received: 'more' }]);
    } else if (CLOSING.has(code)) depth--;
  }
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
