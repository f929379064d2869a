/** Makes bytes of a pdfmake definition, with fonts of installed packages and nothing from anywhere else. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { createRequire } from 'node:module';
import pdfmake from 'pdfmake';
import type { TDocumentDefinitions, TFontDictionary, Content } from 'pdfmake/interfaces.js';
import { ROBOTO, UsedFonts } from './fonts.js';
import { printableLines, runsOf, type Run, turned, turnsItself } from './text-runs.js';

// How pdfmake fills a line, in place of its own way, which lets a long word stand out over the margin, cuts characters in
// two, and knows no text that is read from right to left.

type Font = Readonly<{ widthOfString: (text: string, size: number) => number }>;

/** pdfmake's piece of a line: a word, or a part of one in one font. */
type Inline = {
  text: string;
  width: number;
  x: number;
  fontSize: number;
  font: Font;
  leadingCut: number;
  trailingCut: number;
  /** What follows belongs to the same word. */
  noNewLine?: boolean;
  level?: number;
  /** Is already as it is to be seen. */
  shown?: boolean;
};

type Line = {
  inlines: Inline[];
  inlineWidths: number;
  maxWidth: number;
  leadingCut: number;
  trailingCut: number;
  lastLineInParagraph: boolean;
  addInline(inline: Inline): void;
};

type TextNode = { _inlines?: Inline[] };
type Builder = {
  writer: { context(): { availableWidth: number } };
  buildNextLine(node: TextNode): Line | null;
};

const require = createRequire(import.meta.url);
const { default: LineOf } = require('pdfmake/js/Line.js') as { default: new (maxWidth: number) => Line };
type Measured = { minWidth: number };
type Measuring = { buildInlines(this: Measuring, ...given: unknown[]): Measured };
const { default: TextInlines } = require('pdfmake/js/TextInlines.js') as { default: { prototype: Measuring } };
const { default: LayoutBuilder } = require('pdfmake/js/LayoutBuilder.js') as { default: { prototype: Builder } };

/** Sums of widths differ in their last digits. */
const ROUNDING = 0.001;
const clusters = new Intl.Segmenter('en', { granularity: 'grapheme' });

const fits = (line: Line, word: readonly Inline[]): boolean => {
  const width = word.reduce((sum, inline) => sum + inline.width, 0) - (word.at(-1)?.trailingCut ?? 0);
  const leading = line.inlines.length === 0 ? (word[0]?.leadingCut ?? 0) : line.leadingCut;
  return line.inlineWidths + width - leading <= line.maxWidth + ROUNDING;
};

/** A word that is wider than a line is broken where the line ends, between characters; one stands in any case. */
const breakWord = (line: Line, inlines: Inline[]): void => {
  while (inlines[0] && fits(line, [inlines[0]])) line.addInline(inlines.shift()!);
  const [inline] = inlines;
  if (!inline) return;
  let head = '';
  for (const { segment } of clusters.segment(inline.text)) {
    const part = measured(inline, head + segment);
    if (!fits(line, [part]) && (head !== '' || line.inlines.length > 0)) break;
    head += segment;
  }
  if (head === '') return;
  line.addInline({ ...measured(inline, head), noNewLine: false });
  if (head === inline.text) inlines.shift();
  else inlines[0] = measured(inline, inline.text.slice(head.length));
};

const measured = (inline: Inline, text: string): Inline => {
  const widthOf = (part: string): number => inline.font.widthOfString(part, inline.fontSize);
  const width = widthOf(text);
  return { ...inline, text, width, leadingCut: 0, trailingCut: width - widthOf(text.trimEnd()) };
};

/** Words of a line in the order in which they are seen: from the highest level down, what is at least as high is turned. */
const inOrder = (inlines: readonly Inline[]): Inline[] => {
  const order = [...inlines];
  const levels = inlines.map(({ level = 0 }) => level);
  for (let level = Math.max(0, ...levels); level > 0; level -= 1)
    for (let start = 0; start < order.length; start += 1) {
      let end = start;
      while (end < order.length && (order[end]!.level ?? 0) >= level) end += 1;
      if (end > start) order.splice(start, end - start, ...order.slice(start, end).reverse());
      start = Math.max(start, end);
    }
  return order;
};

const arrange = (line: Line): void => {
  if (line.inlines.every(({ level = 0 }) => level === 0)) return;
  const last = line.inlines.at(-1)!;
  // At the end of a line a space is not seen; turned round, it would stand before its word.
  if (last.trailingCut > 0 && (last.level ?? 0) > 0) {
    last.text = last.text.trimEnd();
    last.width -= last.trailingCut;
    line.inlineWidths -= last.trailingCut;
    last.trailingCut = line.trailingCut = 0;
  }
  let x = -line.leadingCut;
  for (const inline of inOrder(line.inlines)) {
    inline.x = x;
    x += inline.width;
    if ((inline.level ?? 0) % 2 === 1 && !inline.shown && !turnsItself(inline.text)) inline.text = turned(inline.text);
    inline.shown = true;
  }
};

/** Points. A column may be narrower than its longest word, or one long address would push the table off the page. */
const WIDEST_MINIMUM = 48;

const { buildInlines } = TextInlines.prototype;

/** Takes the place of pdfmake's methods. Its version is fixed; another has to be looked at again. */
const fillLinesOurWay = (): void => {
  TextInlines.prototype.buildInlines = function measure(this: Measuring, ...given: unknown[]): Measured {
    const inlines = buildInlines.apply(this, given);
    return { ...inlines, minWidth: Math.min(inlines.minWidth, WIDEST_MINIMUM) };
  };
  LayoutBuilder.prototype.buildNextLine = function buildNextLine(this: Builder, node: TextNode): Line | null {
    const inlines = node._inlines ?? [];
    if (inlines.length === 0) return null;
    const line = new LineOf(this.writer.context().availableWidth);
    while (inlines.length > 0) {
      const end = inlines.findIndex(({ noNewLine }) => !noNewLine);
      const word = inlines.slice(0, end < 0 ? inlines.length : end + 1);
      if (fits(line, word)) for (const inline of inlines.splice(0, word.length)) line.addInline(inline);
      else {
        if (line.inlines.length === 0) breakWord(line, inlines);
        break;
      }
    }
    line.lastLineInParagraph = inlines.length === 0;
    arrange(line);
    return line;
  };
};

// Sets each text of a pdfmake definition in the fonts that have its characters, wherever in the document it stands.

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
