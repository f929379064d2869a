/** Makes bytes of a pdfmake definition, with fonts of installed packages and nothing from anywhere else. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import pdfmake from 'pdfmake';
import type { TDocumentDefinitions, TFontDictionary } from 'pdfmake/interfaces.js';
import { ROBOTO } from './font-files.js';
import { fillLinesOurWay } from './pdf-lines.js';
import { setInFonts } from './pdf-text.js';

fillLinesOurWay();

const fonts = path.dirname(ROBOTO.normal);
const upright = (normal: string, bold: string) => ({ normal, bold, italics: normal, bolditalics: bold });

type Files = Readonly<{ virtualfs: { writeFileSync(name: string, content: Buffer): void } }>;

/** pdfmake takes a font by its name only. The name is of the content, so that documents made at once cannot mix theirs. */
const stored = (font: Buffer): string => {
  const name = `font-${createHash('sha256').update(font).digest('hex')}`;
  (pdfmake as unknown as Files).virtualfs.writeFileSync(name, font);
  return name;
};

// A project's text must not make the server read a file or ask a host.
pdfmake.setUrlAccessPolicy(() => false);
pdfmake.setLocalAccessPolicy((file) => path.dirname(file) === fonts);

/** @param bookmarks the ids of what is bookmarked, in its order */
export const pdfFile = async (given: TDocumentDefinitions, bookmarks: readonly string[] = []): Promise<Buffer> => {
  const { definition, fonts: used } = setInFonts(given);
  const embedded = await used.embedded();
  // Until the document is created nothing is awaited: another one sets other fonts.
  const faces: TFontDictionary = { Roboto: upright(ROBOTO.normal, ROBOTO.bold) };
  for (const font of embedded) faces[font.name] = upright(stored(font.normal), stored(font.bold));
  pdfmake.setFonts(faces);
  const file = pdfmake.createPdf(definition);
  leadToHeadings((await file.getStream()) as unknown as WithOutline, bookmarks);
  return Buffer.from(await file.getBuffer());
};

type Outline = Readonly<{ children: Outline[]; outlineData: Record<string, unknown>; dictionary: { id: number } }>;
type WithOutline = Readonly<{ outline: Outline }>;

/** pdfkit's bookmarks lead to the lower right corner of a page. The headings have names that lead to their places. */
const leadToHeadings = ({ outline }: WithOutline, bookmarks: readonly string[]): void => {
  const below = (item: Outline): Outline[] => item.children.flatMap((child) => [child, ...below(child)]);
  const items = below(outline).sort((a, b) => a.dictionary.id - b.dictionary.id);
  if (items.length !== bookmarks.length)
    throw new Error(`Expected ${bookmarks.length} bookmarks, pdfmake made ${items.length}.`);
  for (const [index, item] of items.entries()) item.outlineData['Dest'] = new String(bookmarks[index]);
};
