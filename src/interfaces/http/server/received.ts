/** Values from outside, made fit for messages: short, on one line, without control characters and halves of characters. */

const LENGTH = 100;

/** What came in place of what was expected. */
export const received = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return `an object with ${Object.keys(value).length} members`;
  return bounded(JSON.stringify(typeof value === 'string' ? value.slice(0, LENGTH + 1) : value));
};

export const bounded = (text: string): string => {
  const plain = text.slice(0, LENGTH + 1).replace(/\p{C}/gu, escaped);
  return plain.length > LENGTH ? `${plain.slice(0, LENGTH - 1)}…` : plain;
};

const escaped = (character: string): string => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
