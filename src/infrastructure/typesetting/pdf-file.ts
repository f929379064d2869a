/** Makes bytes of a pdfmake definition, with fonts of installed packages and nothing from anywhere else. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import pdfmake from 'pdfmake';
import type { TDocumentDefinitions, TFontDictionary, Content } from 'pdfmake/interfaces.js';
import { ROBOTO } from './font-files.js';
import { fillLinesOurWay } from './pdf-lines.js';
import { UsedFonts } from './font-set.js';
import { printableLines, runsOf, type Run } from './text-runs.js';

/** Sets each text of a pdfmake definition in the fonts that have its characters, wherever in the document it stands. */

type Node = Record<string, unknown>;
type Piece = string | (Node & { text: string });

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

const wordsOf = (piece: Piece): string => printableLines(typeof piece === 'string' ? piece : piece.text);

/** What pdfmake draws in its default font needs nothing more. */
const asIs = (runs: readonly Run[]): boolean => runs.every(({ font, level }) => font === ROBOTO && level === 0);

/** @param fonts hears which characters are drawn in which font */
const inFonts = (fonts: UsedFonts) => {
  const text = (value: unknown): unknown => {
    const pieces = (Array.isArray(value) ? value : [value]) as Piece[];
    const runs = runsOf(pieces.map(wordsOf));
    const set = pieces.flatMap((piece, index) => {
      const style = typeof piece === 'string' ? {} : piece;
      const own = runs[index]!;
      for (const run of own) fonts.take(run.font, run.text);
      if (asIs(own)) return [{ ...style, text: own.map((run) => run.text).join('') }];
      return own.map((run) => ({ ...style, text: run.text, font: run.font.name, level: run.level }));
    });
    return set.length === 1 && typeof value === 'string' && asIs(runs[0]!) ? set[0]!.text : set;
  };

  const node = (value: unknown): unknown => {
    if (typeof value === 'string') return { text: text(value) };
    if (Array.isArray(value)) return value.map(node);
    if (!isNode(value)) return value;
    const { table } = value;
    return {
      ...value,
      ...('text' in value ? { text: text(value['text']) } : {}),
      ...('stack' in value ? { stack: node(value['stack']) } : {}),
      ...('columns' in value ? { columns: node(value['columns']) } : {}),
      ...(isNode(table) ? { table: { ...table, body: node(table['body']) } } : {}),
    };
  };
  return (content: Content): Content => node(content) as Content;
};

type Running = Extract<TDocumentDefinitions['header'], (...given: never[]) => unknown>;

/** Headers and footers are asked for while pages are laid out, when the fonts must be there: they are asked once before. */
const setInFonts = (
  definition: TDocumentDefinitions,
): Readonly<{ definition: TDocumentDefinitions; fonts: UsedFonts }> => {
  const fonts = new UsedFonts();
  const set = inFonts(fonts);
  const running = (made: TDocumentDefinitions['header']) => {
    if (typeof made !== 'function') return made === undefined ? undefined : set(made);
    const ask: Running = (...given) => set(made(...given) ?? '');
    ask(2, 2, { width: 0, height: 0, orientation: 'portrait' });
    return ask;
  };
  return {
    fonts,
    definition: {
      ...definition,
      content: set(definition.content),
      header: running(definition.header),
      footer: running(definition.footer),
    },
  };
};

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
