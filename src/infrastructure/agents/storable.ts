import { isStorableText } from '../../domain/json.js';

/**
 * Says why a parsed JSON value must not enter the log and the read tables; undefined where it may.
 * Postgres takes neither U+0000 nor half of a surrogate pair, and what walks values recursively ends at some depth.
 */
export const unstorable = (value: unknown, maxDepth: number): string | undefined => {
  // A stack of its own: a value that is too deep must not end the walk by a stack overflow.
  const stack: { value: unknown; depth: number }[] = [{ value, depth: 1 }];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { value: current, depth } = next;
    if (typeof current === 'string' && !isStorableText(current)) return BROKEN_TEXT;
    if (typeof current !== 'object' || current === null) continue;
    if (depth > maxDepth) return `it is nested more than ${maxDepth} levels deep`;
    const isArray = Array.isArray(current);
    for (const [key, member] of Object.entries(current)) {
      if (!isArray && !isStorableText(key)) return BROKEN_TEXT;
      if (!isArray && REFUSED_KEYS.has(key)) return `it has a key "${key}"`;
      stack.push({ value: member, depth: depth + 1 });
    }
  }
  return undefined;
};

/** The API refuses them in a body too: an answer that passes here must pass there, as the next agent's checkpoint. */
const REFUSED_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

const BROKEN_TEXT = 'a text in it has U+0000 or half of a surrogate pair, which cannot be stored';
