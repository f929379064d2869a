/** A member that is `null` without quotes is no value. */
type Member = string | null;

/**
 * The members of `in.(a,"b,c",null)`, written as Postgres writes an array: separated by commas, white space around them
 * without meaning, a backslash before what shall be taken as it is.
 * @param text what is between the parentheses
 * @throws FilterRefused
 */
export const readList = (text: string): readonly Member[] => {
  if (text.trim() === '') return [];
  const members: Member[] = [];
  const pattern = /(?:\s*"((?:[^"\\]|\\[^])*)"\s*|((?:[^",\\{}]|\\[^])*))(,|$)/y;
  for (;;) {
    const found = pattern.exec(text);
    const [, quoted, plain = '', end] = found ?? [];
    if (!found || (quoted === undefined && plain.trim() === ''))
      throw new FilterRefused(`malformed array literal: "{${text}}"`);
    members.push(quoted === undefined ? plainMember(plain.trim()) : unescaped(quoted));
    if (end === '') return members;
  }
};

const plainMember = (text: string): Member => (/^null$/i.test(text) ? null : unescaped(text));
const unescaped = (text: string): string => text.replace(/\\([^])/g, '$1');

/** What a test of a row costs, reported while it goes on: about as many steps as a matcher takes. May throw to end it. */
export type Spend = (steps: number) => void;

export const unmetered: Spend = () => undefined;

/** The filter of a subscription, such as `id=eq.7,title=not.like."a,b%"`, as the conditions that all must hold. */

export const OPERATORS = [
  ...(['eq', 'neq', 'lt', 'lte', 'gt', 'gte', 'in', 'like', 'ilike', 'is', 'match', 'imatch', 'isdistinct'] as const),
];

export type Operator = (typeof OPERATORS)[number];

export type Condition = Readonly<{
  column: string;
  operator: Operator;
  /** As written, without the quotes around it; of `in`, what is between the parentheses. */
  value: string;
  /** Whether `not.` stands before the operator. */
  negate: boolean;
}>;

/** A filter that cannot be used. Its message is sent to the client. */
export class FilterRefused extends Error {}

/** @throws FilterRefused */
export const readFilter = (filter: string, limit = Infinity): readonly Condition[] => {
  if (filter.trim() === '') return [];
  const segments = atTopLevel(filter);
  if (segments.length > limit) throw new FilterRefused(`too many conditions. Maximum ${limit}`);
  return segments.map(readCondition);
};

/** Split at the commas that stand neither in parentheses nor in quotes; a quote opens only where a value can begin. */
const atTopLevel = (filter: string): readonly string[] => {
  const segments: string[] = [];
  let [from, depth, isQuoted] = [0, 0, false];
  for (let at = 0; at < filter.length; at++) {
    const char = filter[at]!;
    if (isQuoted) {
      if (char === '\\') at += 1;
      else if (char === '"') isQuoted = false;
    } else if (char === '"') isQuoted = at > from && '.(,'.includes(filter[at - 1]!);
    else if (char === '(') depth += 1;
    else if (char === ')') depth = Math.max(0, depth - 1);
    else if (char === ',' && depth === 0) {
      segments.push(filter.slice(from, at));
      from = at + 1;
    }
  }
  return [...segments, filter.slice(from)];
};

const readCondition = (segment: string): Condition => {
  const trimmed = segment.trim();
  if (trimmed === '') throw new FilterRefused('filter must not contain empty segments (check for extra commas)');
  const [column, rest] = cut(trimmed, '=');
  if (rest === undefined) throw new FilterRefused(listed([column]));
  const negate = rest.startsWith('not.');
  const [name, value] = cut(negate ? rest.slice('not.'.length) : rest, '.');
  if (value === undefined) throw new FilterRefused(listed([name]));
  const operator = OPERATORS.find((known) => known === name);
  if (!operator) throw new FilterRefused(listed([name, value]));
  if (operator !== 'in') return { column, operator, value: unquoted(value), negate };
  if (!/^\([^]*\)$/.test(value)) throw new FilterRefused('`in` filter value must be wrapped by parentheses');
  return { column, operator, value: value.slice(1, -1), negate };
};

const cut = (text: string, at: string): readonly [string, string | undefined] => {
  const index = text.indexOf(at);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + at.length)];
};

const listed = (parts: readonly string[]): string => `[${parts.map((part) => JSON.stringify(part)).join(', ')}]`;

/** Text whose quotes do not enclose all of it is taken as it is. */
const unquoted = (value: string): string =>
  /^"(?:[^"\\]|\\[^])*"$/.test(value) ? value.slice(1, -1).replace(/\\([^])/g, '$1') : value;
