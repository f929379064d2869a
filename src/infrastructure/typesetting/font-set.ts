/** Which font has a character, and the fonts of one document, cut down to the characters that it uses. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fontFiles, ROBOTO, type FontFile, type Region } from './font-files.js';

type Cut = (
  font: Buffer,
  characters: string,
  options: { targetFormat: 'sfnt'; variationAxes?: { wght: number } },
) => Promise<Buffer>;

// Neither brings types. They take a fifth of a second to load, and most documents need neither.
const require = createRequire(import.meta.url);
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

export type EmbeddedFont = Readonly<{ name: string; normal: Buffer; bold: Buffer }>;

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
