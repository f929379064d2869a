import { FilterRefused, unmetered, type Spend } from './read-filter.js';

type Token = string | typeof ANY_ONE | typeof ANY_NUMBER;
const ANY_ONE = Symbol('_');
const ANY_NUMBER = Symbol('%');

type LikeOptions = Readonly<{ ignoreCase?: boolean; escape?: '\\' | '' }>;

/** Characters of a pattern: as many as a regular expression may have. */
const LENGTH = 1_000;

type LikeTest = (text: string, spend?: Spend) => boolean;

/**
 * `LIKE` of SQL: `%` stands for any text, `_` for any character. In time that grows with text and pattern, not with the
 * ways in which they could match. @throws FilterRefused for a pattern that is too long
 */
export const like = (pattern: string, { ignoreCase = false, escape = '\\' }: LikeOptions = {}): LikeTest => {
  if (pattern.length > LENGTH)
    throw new FilterRefused(`ERROR P0001 (raise_exception) invalid pattern: more than ${LENGTH} characters`);
  const folded = (text: string) => [...(ignoreCase ? text.toLowerCase() : text)];
  const tokens = tokensOf(folded(pattern), escape);
  return (text, spend = unmetered) => matches(folded(text), tokens, spend);
};

const tokensOf = (pattern: readonly string[], escape: string): readonly Token[] => {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]!;
    if (escape && char === escape && at + 1 < pattern.length) tokens.push(pattern[++at]!);
    else tokens.push(char === '%' ? ANY_NUMBER : char === '_' ? ANY_ONE : char);
  }
  return tokens;
};

/** Of the places where a `%` was met only the last is ever returned to: what is before it has matched for good. */
const matches = (text: readonly string[], tokens: readonly Token[], spend: Spend): boolean => {
  let [at, token, afterAny, retryAt] = [0, 0, -1, 0];
  spend(text.length);
  while (at < text.length) {
    const wanted = tokens[token];
    if (wanted === ANY_NUMBER) [afterAny, retryAt] = [++token, at];
    else if (wanted === ANY_ONE || wanted === text[at]) [at, token] = [at + 1, token + 1];
    else if (afterAny >= 0) {
      spend(at - retryAt);
      [at, token] = [++retryAt, afterAny];
    } else return false;
  }
  return tokens.slice(token).every((rest) => rest === ANY_NUMBER);
};
