/**
 * Numbers of JSON that would silently be others once read: `1e400` is written again as `null`, and a whole number beyond
 * 2^53 - 1 is rounded. A numeral with a fraction or an exponent is a measurement, which a double is made for.
 */
type LostNumeral = Readonly<{
  numeral: string;
  /** Where it begins, in UTF-16 units. */
  offset: number;
  /** `infinite`: larger than any double; `rounded`: a whole number that a double does not hold for certain. */
  fate: 'infinite' | 'rounded';
}>;

/** @param text that `JSON.parse` takes. @returns the first such numeral */
export const lostNumeral = (text: string): LostNumeral | undefined => {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfText(text, at);
    else if (isDigit(code)) {
      const begin = text.charCodeAt(at - 1) === MINUS ? at - 1 : at;
      at = endOfNumeral(text, at);
      const numeral = text.slice(begin, at + 1);
      const fate = fateOf(numeral);
      if (fate) return { numeral, offset: begin, fate };
    }
  }
  return undefined;
};

/** Where in the value that text stands which begins at `offset`: keys and places in arrays, from the outside. */
export const pathTo = (text: string, offset: number): readonly string[] => {
  const open: { key: string; index: number | null }[] = [];
  for (let at = 0; at < offset; at++) {
    const code = text.charCodeAt(at);
    const last = open.at(-1);
    if (code === QUOTE) {
      const end = endOfText(text, at);
      // A text that is a value counts as a key until the next one comes; nothing is asked in between.
      if (last && last.index === null) last.key = JSON.parse(text.slice(at, end + 1)) as string;
      at = end;
    } else if (code === BRACKET) open.push({ key: '', index: 0 });
    else if (code === BRACE) open.push({ key: '', index: null });
    else if (code === END_OF_BRACKET || code === END_OF_BRACE) open.pop();
    else if (code === COMMA && last && last.index !== null) last.index++;
  }
  return open.map(({ key, index }) => (index === null ? key : String(index)));
};

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const COMMA = 0x2c;
const [BRACKET, END_OF_BRACKET, BRACE, END_OF_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** Most of a large answer is in a few long texts: they are leapt over. @returns the place of the closing quote */
const endOfText = (text: string, begin: number): number => {
  for (let end = text.indexOf('"', begin + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
};

/** @returns the place of the last character */
const endOfNumeral = (text: string, begin: number): number => {
  let end = begin;
  while (isOfNumeral(text.charCodeAt(end + 1))) end++;
  return end;
};

/** Digits, and `+ - . e E`. */
const isOfNumeral = (code: number): boolean =>
  isDigit(code) || code === 0x2b || code === MINUS || code === 0x2e || code === 0x65 || code === 0x45;

/** No double of so few digits, without an exponent, is beyond either bound. */
const SURELY_HELD = 15;

const fateOf = (numeral: string): LostNumeral['fate'] | undefined => {
  const isWhole = !/[.eE]/.test(numeral);
  if (isWhole && numeral.length <= SURELY_HELD) return undefined;
  const value = Number(numeral);
  if (!Number.isFinite(value)) return 'infinite';
  return isWhole && !Number.isSafeInteger(value) ? 'rounded' : undefined;
};
