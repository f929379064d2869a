/**
 * How pdfmake fills a line, in place of its own way, which lets a long word stand out over the margin, cuts characters in
 * two, and knows no text that is read from right to left.
 */
import { createRequire } from 'node:module';
import { turned, turnsItself } from './text-runs.js';

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
export const fillLinesOurWay = (): void => {
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
