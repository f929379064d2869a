type Token = string | typeof ANY_ONE | typeof ANY_NUMBER;
const ANY_ONE = Symbol('_');
const ANY_NUMBER = Symbol('%');

export type LikeOptions = Readonly<{ ignoreCase?: boolean; escape?: '\\' | '' }>;

/**
 * `LIKE` of SQL: `%` stands for any text, `_` for any character. In time that grows with text and pattern, not with the
 * ways in which they could match.
 */
export const like = (pattern: string, { ignoreCase = false, escape = '\\' }: LikeOptions = {}) => {
  const folded = (text: string) => [...(ignoreCase ? text.toLowerCase() : text)];
  const tokens = tokensOf(folded(pattern), escape);
  return (text: string): boolean => matches(folded(text), tokens);
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
const matches = (text: readonly string[], tokens: readonly Token[]): boolean => {
  let [at, token, afterAny, retryAt] = [0, 0, -1, 0];
  while (at < text.length) {
    const wanted = tokens[token];
    if (wanted === ANY_NUMBER) [afterAny, retryAt] = [++token, at];
    else if (wanted === ANY_ONE || wanted === text[at]) [at, token] = [at + 1, token + 1];
    else if (afterAny >= 0) [at, token] = [++retryAt, afterAny];
    else return false;
  }
  return tokens.slice(token).every((rest) => rest === ANY_NUMBER);
};
