/**
 * The fonts of the PDF, in the order in which a character is looked for (all of them come with npm packages), and the fonts of one
 * document, cut down to the characters that it uses.
 */
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

type Region = 'sc' | 'jp' | 'kr';

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
  return Object.entries(ranges).flatMap(([key, range]) => {
    const slice = /^\[(\d+)\]$/.exec(key)?.[1];
    if (slice === undefined) return [];
    const file = path.join(root, 'files', `${family}-${slice}-wght-normal.woff2`);
    return { name: `${family}-${slice}`, normal: file, bold: file, variable: true, covers: within(range) };
  });
};

/** `U+4e00-4e02,U+4e08` */
const within = (list: string): ((codePoint: number) => boolean) => {
  const ranges = list.split(',').map((range) => {
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
function* fontFiles(region: Region): Generator<FontFile> {
  yield ROBOTO;
  yield* STILL;
  for (const next of ORDER[region]) yield* filesOf(next);
}

type Cut = (
  font: Buffer,
  characters: string,
  options: { targetFormat: 'sfnt'; variationAxes?: { wght: number } },
) => Promise<Buffer>;

// Neither brings types. They take a fifth of a second to load, and most documents need neither.
const fontkit = () => require('fontkit') as { create(font: Buffer): { characterSet: readonly number[] } };
const subsetFont = () => require('subset-font') as Cut;

/** Fonts stay known for the life of the thread: a file, its characters. */
const characters = new Map<string, ReadonlySet<number>>();

const charactersOf = ({ normal, bold }: FontFile): ReadonlySet<number> => {
  const known = characters.get(normal);
  if (known) return known;
  const [set, other] = [normal, bold].map((file) => new Set(fontkit().create(readFileSync(file)).characterSet));
  // U+FFFF ends a font's table and is no character.
  const both = new Set(
    [...set!].filter((codePoint) => codePoint !== 0xffff && (normal === bold || other!.has(codePoint))),
  );
  characters.set(normal, both);
  return both;
};

const has = (font: FontFile, codePoints: readonly number[]): boolean => {
  if (font.covers && !font.covers(codePoints[0]!)) return false;
  const set = charactersOf(font);
  return codePoints.every((codePoint) => set.has(codePoint));
};

const codePointsOf = (text: string): number[] => [...text].map((character) => character.codePointAt(0)!);

const found = new Map<string, FontFile | null>();

/** The first font that has all of a character and its marks; null where none has. */
export const fontFor = (cluster: string, region: Region): FontFile | null => {
  const key = `${region}${cluster}`;
  let font = found.get(key);
  if (font === undefined) {
    const codePoints = codePointsOf(cluster);
    font = null;
    for (const candidate of fontFiles(region))
      if (has(candidate, codePoints)) {
        font = candidate;
        break;
      }
    found.set(key, font);
  }
  return font;
};

export const covers = (font: FontFile, cluster: string): boolean => has(font, codePointsOf(cluster));

type EmbeddedFont = Readonly<{ name: string; normal: Buffer; bold: Buffer }>;

/** Roboto is embedded as it is: pdfmake cuts it down itself. Others are first brought into a form that it can read. */
export class UsedFonts {
  private readonly used = new Map<string, { font: FontFile; text: Set<string> }>();

  take(font: FontFile, text: string): void {
    if (font === ROBOTO) return;
    const entry = this.used.get(font.name) ?? { font, text: new Set<string>() };
    this.used.set(font.name, entry);
    for (const character of text) entry.text.add(character);
  }

  async embedded(): Promise<EmbeddedFont[]> {
    const fonts: EmbeddedFont[] = [];
    // One after the other, and sorted: the same document gives the same bytes.
    for (const { font, text } of [...this.used.values()].sort((a, b) => (a.font.name < b.font.name ? -1 : 1))) {
      const characters = [...text].sort().join('');
      const cut = async (file: string, wght: number) =>
        numbered(
          await subsetFont()(readFileSync(file), characters, {
            targetFormat: 'sfnt',
            ...(font.variable ? { variationAxes: { wght } } : {}),
          }),
          2 * fonts.length + (wght === 400 ? 1 : 2),
        );
      fonts.push({ name: font.name, normal: await cut(font.normal, 400), bold: await cut(font.bold, 700) });
    }
    return fonts;
  }
}

const TABLES = 12;
const RECORD = 16;
const CHECKSUM_ADJUSTMENT = 8;

/**
 * pdfkit takes two fonts of one name and one checksum for the same font, and the slices of a font have one name; cut
 * down, they have no checksum either. So each gets a number in its place.
 */
const numbered = (font: Buffer, number: number): Buffer => {
  for (let index = 0; index < font.readUInt16BE(4); index += 1) {
    const record = TABLES + index * RECORD;
    if (font.toString('latin1', record, record + 4) === 'head')
      font.writeUInt32BE(number, font.readUInt32BE(record + 8) + CHECKSUM_ADJUSTMENT);
  }
  return font;
};
