/** Text as it goes into a file: composed letters, and nothing that a file cannot hold. */

/** What steers a terminal or a parser, halves of characters, and code points that are none. Line breaks are layout. */
const NO_TEXT = /[\p{Cc}\p{Surrogate}\p{Noncharacter_Code_Point}\u2028\u2029]/gu;

const printable = (text: string): string => text.normalize('NFC').replace(NO_TEXT, '');

/** The same for a text that may have several lines. */
export const printableLines = (text: string): string =>
  text
    .split(/\r\n?|[\n\u2028\u2029]/u)
    .map(printable)
    .join('\n');

const each = (value: unknown): unknown => {
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value)) return value.map(each);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, each(member)]));
};

/** Every text within a document made of plain values. */
export const printableDocument = <D extends object>(document: D): D => each(document) as D;
