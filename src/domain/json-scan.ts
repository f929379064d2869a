/** How much a JSON text may hold: levels of arrays and objects in each other, and members of all of them together. */
export type JsonBounds = Readonly<{ depth: number; members: number }>;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [SPACE, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x20, 0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Which bound a JSON text exceeds, found without parsing it: a member costs a byte or two to send, and a hundred times that
 * once it is a value. One pass over the bytes (UTF-8), up to the first excess. For a text that is no JSON the
 * answer is arbitrary, and the parser refuses the text.
 */
export const excessOf = (text: Uint8Array, { depth, members }: JsonBounds): keyof JsonBounds | undefined => {
  let [levels, found] = [0, 0];
  // Whether the innermost array or object has shown nothing yet: its first member has no comma before it.
  let isEmpty = false;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at]!;
    if (byte <= SPACE) continue;
    if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      levels -= 1;
      isEmpty = false;
      continue;
    }
    if (byte === COMMA || isEmpty) {
      isEmpty = false;
      if (++found > members) return 'members';
    }
    if (byte === QUOTE) at = endOfString(text, at + 1);
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      if (++levels > depth) return 'depth';
      isEmpty = true;
    }
  }
  return undefined;
};

/** Where its closing quote stands. No byte of a character of several bytes looks like a quote or a backslash. */
const endOfString = (text: Uint8Array, from: number): number => {
  let at = from;
  for (; at < text.length && text[at] !== QUOTE; at++) if (text[at] === BACKSLASH) at += 1;
  return at;
};
