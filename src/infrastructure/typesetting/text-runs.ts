/** Text as the PDF needs it: in pieces that one font can show and that are read in one direction. */
import { createRequire } from 'node:module';
import type { Bidi } from 'bidi-js';
import { regionOf, ROBOTO, type FontFile, covers, fontFor } from './fonts.js';

// Text as it goes into a file: composed letters, and nothing that a file cannot hold.

/** What steers a terminal or a parser, halves of characters, and code points that are none. Line breaks are layout. */
const NO_TEXT = /[\p{Cc}\p{Surrogate}\p{Noncharacter_Code_Point}\u2028\u2029]/gu;

const printable = (text: string): string => text.normalize('NFC').replace(NO_TEXT, '');

/** The same for a text that may have several lines. */
export const printableLines = (text: string): string =>
  text
    .split(/\r\n?|[\n\u2028\u2029]/u)
    .map(printable)
    .join('\n');

const printableEach = (value: unknown): unknown => {
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value)) return value.map(printableEach);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, printableEach(member)]));
};

/** Every text within a document made of plain values. */
export const printableDocument = <D extends object>(document: D): D => printableEach(document) as D;

// Its types say that it has a default export, and for Node it has none.
const bidi = (createRequire(import.meta.url)('bidi-js') as () => Bidi)();

/** `level` as in Unicode's bidirectional algorithm: odd where it is read from right to left. */
export type Run = Readonly<{ text: string; font: FontFile; level: number }>;

const RIGHT_TO_LEFT =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\u200f\u202b\u202e\u2067]/u;
/** They steer how text is set, and are not to be seen. A zero-width space stays: lines may break at it. */
const UNSEEN = /(?!\u200b)\p{Default_Ignorable_Code_Point}/gu;
/** Letters that join, or must not, where the font knows of it. */
const JOINERS = /[\u200c\u200d]/;

const clusters = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** The document is read from left to right; a text without any Latin letter or the like goes by its own direction. */
const levelsOf = (text: string): Uint8Array | null => {
  if (!RIGHT_TO_LEFT.test(text)) return null;
  const own = [...text].some((character) => bidi.getBidiCharTypeName(character) === 'L');
  return bidi.getEmbeddingLevels(text, own ? 'ltr' : 'rtl').levels;
};

/** In the order in which it is written, cut where the direction changes. */
export const directionsOf = (text: string): { text: string; rightToLeft: boolean }[] => {
  const levels = levelsOf(text);
  if (!levels) return [{ text, rightToLeft: false }];
  const pieces: { text: string; rightToLeft: boolean }[] = [];
  let offset = 0;
  for (const { segment } of clusters.segment(text)) {
    // A number in Hebrew is read from left to right, and belongs to the Hebrew around it all the same.
    const rightToLeft = (levels[offset] ?? 0) > 0;
    offset += segment.length;
    const last = pieces.at(-1);
    if (last?.rightToLeft === rightToLeft) last.text += segment;
    else pieces.push({ text: segment, rightToLeft });
  }
  return pieces;
};

const placeholder = (codePoint: number): string => `[U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}]`;

/** Calls `take` for each piece that one font has, and `miss` for each character that none has. */
const eachCluster = (
  text: string,
  take: (text: string, font: FontFile, start: number) => void,
  miss: (codePoint: number, start: number) => void,
): void => {
  const region = regionOf(text);
  let before: FontFile = ROBOTO;
  for (const { segment, index } of clusters.segment(text)) {
    const seen = segment.replace(UNSEEN, '');
    if (seen === '\n') {
      take(seen, before, index);
      continue;
    }
    // A space goes with the word before it, whose order it shares.
    const font =
      seen.trim() === '' && seen !== '' && covers(before, seen) ? before : seen === '' ? null : fontFor(seen, region);
    if (font) {
      const joined = JOINERS.test(segment) && covers(font, segment) ? segment : seen;
      take(joined, font, index);
      before = font;
      continue;
    }
    // No font has the whole: then each of its characters by itself.
    for (const character of seen) {
      const own = fontFor(character, region);
      if (own) take(character, own, index);
      else miss(character.codePointAt(0)!, index);
    }
  }
};

/** Every character that no font has, once. */
export const unprintableIn = (text: string): number[] => {
  const missing = new Set<number>();
  if (!PLAIN.test(text))
    eachCluster(
      text,
      () => undefined,
      (codePoint) => missing.add(codePoint),
    );
  return [...missing];
};

/** What Roboto certainly has, and most texts are made of. */
const PLAIN = /^[\u0020-\u007e\u00a0-\u00ac\u00ae-\u00ff\u2013\u2014\u2018-\u201d\u2026\u2212\u200b]*$/;

/**
 * @param pieces what stands in one paragraph: the order of its words depends on all of it
 * @returns for each of the pieces its runs
 */
export const runsOf = (pieces: readonly string[]): Run[][] => {
  const whole = pieces.join('');
  if (PLAIN.test(whole)) return pieces.map((text) => [{ text, font: ROBOTO, level: 0 }]);
  const levels = levelsOf(whole);
  let offset = 0;
  return pieces.map((piece) => {
    const runs: { text: string; font: FontFile; level: number }[] = [];
    const add = (text: string, font: FontFile, start: number): void => {
      const level = levels?.[offset + start] ?? 0;
      const last = runs.at(-1);
      if (last?.font === font && last.level === level) last.text += text;
      else if (text !== '') runs.push({ text, font, level });
    };
    eachCluster(piece, add, (codePoint, start) => add(placeholder(codePoint), ROBOTO, start));
    offset += piece.length;
    return runs;
  });
};

/** What a run that holds no letter of a right-to-left script looks like there: a font turns only its own letters round. */
export const turned = (text: string): string =>
  [...clusters.segment(text)]
    .map(({ segment }) => bidi.getMirroredCharacter(segment) ?? segment)
    .reverse()
    .join('');

export const turnsItself = (text: string): boolean => RIGHT_TO_LEFT.test(text);
