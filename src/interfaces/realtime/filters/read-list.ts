import { FilterRefused } from './read-filter.js';

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
