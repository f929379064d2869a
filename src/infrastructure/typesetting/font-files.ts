/** The fonts of the PDF, in the order in which a character is looked for. All of them come with npm packages. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);

/** `covers` is a first guess, from what the package says of the file; null where it says nothing. */
export type FontFile = Readonly<{
  name: string;
  normal: string;
  bold: string;
  /** Weights to take out of a file that holds all of them. */
  variable: boolean;
  covers: ((codePoint: number) => boolean) | null;
}>;

const folder = (name: string, below: string): string =>
  path.join(path.dirname(require.resolve(`${name}/package.json`)), below);

const roboto = folder('pdfmake', path.join('fonts', 'Roboto'));

/** Latin, Greek, Cyrillic: what most brochures need, and all that is loaded for them. */
export const ROBOTO: FontFile = {
  name: 'Roboto',
  normal: path.join(roboto, 'Roboto-Regular.ttf'),
  bold: path.join(roboto, 'Roboto-Medium.ttf'),
  variable: false,
  covers: null,
};

/** @param bold false where the family has one weight */
const still = (family: string, part: string, ending: 'woff' | 'woff2', bold = true): FontFile => {
  const files = folder(`@fontsource/${family}`, 'files');
  const file = (weight: number) => path.join(files, `${family}-${part}-${weight}-normal.${ending}`);
  return { name: family, normal: file(400), bold: file(bold ? 700 : 400), variable: false, covers: null };
};

const STILL: readonly FontFile[] = [
  still('noto-sans-hebrew', 'hebrew', 'woff2'),
  // Its Arabic letters are whole, those of Noto a shape and dots: a text that is copied would lack the dots.
  still('dejavu-sans', 'latin', 'woff'),
  still('noto-sans-arabic', 'arabic', 'woff2'),
  still('noto-sans-math', 'latin', 'woff2', false),
  still('noto-sans-symbols-2', 'symbols', 'woff2', false),
  still('noto-sans-symbols-2', 'math', 'woff2', false),
].map((font, index) => ({ ...font, name: `${font.name}-${index}` }));

export type Region = 'sc' | 'jp' | 'kr';

/** Kana and hangul say whose Chinese characters stand beside them. */
export const regionOf = (text: string): Region => {
  if (/[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text)) return 'jp';
  return /\p{Script=Hangul}/u.test(text) ? 'kr' : 'sc';
};

/** A font of ten thousand signs comes in a hundred files, each with its ranges, so that few are read. */
const sliced = (region: Region): FontFile[] => {
  const family = `noto-sans-${region}`;
  const root = folder(`@fontsource-variable/${family}`, '.');
  const ranges = JSON.parse(readFileSync(path.join(root, 'unicode.json'), 'utf8')) as Record<string, string>;
  return Object.entries(ranges).flatMap(([key, said]) => {
    const slice = /^\[(\d+)\]$/.exec(key)?.[1];
    if (slice === undefined) return [];
    const file = path.join(root, 'files', `${family}-${slice}-wght-normal.woff2`);
    return { name: `${family}-${slice}`, normal: file, bold: file, variable: true, covers: within(said) };
  });
};

/** `U+4e00-4e02,U+4e08` */
const within = (said: string): ((codePoint: number) => boolean) => {
  const ranges = said.split(',').map((range) => {
    const [from = NaN, to = from] = range
      .replace(/^U\+/i, '')
      .split('-')
      .map((hex) => parseInt(hex, 16));
    return [from, to] as const;
  });
  return (codePoint) => ranges.some(([from, to]) => codePoint >= from && codePoint <= to);
};

const regions = new Map<Region, readonly FontFile[]>();
const filesOf = (region: Region): readonly FontFile[] => {
  const files = regions.get(region) ?? sliced(region);
  regions.set(region, files);
  return files;
};

/** A Chinese character has another shape in each country. */
const ORDER: Readonly<Record<Region, readonly Region[]>> = {
  sc: ['sc', 'jp', 'kr'],
  jp: ['jp', 'sc', 'kr'],
  kr: ['kr', 'sc', 'jp'],
};

/** Lists of slices are read only where nothing before them had the character. */
export function* fontFiles(region: Region): Generator<FontFile> {
  yield ROBOTO;
  yield* STILL;
  for (const next of ORDER[region]) yield* filesOf(next);
}
