import {
  Bookmark,
  BorderStyle,
  Paragraph,
  SequentialIdentifier,
  ShadingType,
  Table,
  TableCell,
  TableLayoutType,
  TableRow,
  TextRun,
  WidthType,
  type ISectionOptions,
  NoBreakHyphen,
  type IRunOptions,
} from 'docx';
import { regionOf } from '../../../infrastructure/typesetting/fonts.js';
import { directionsOf } from '../../../infrastructure/typesetting/text-runs.js';
import type { DocumentBlockOf } from '../document.js';
import { CAPTION_LABEL, STYLE, FONT_DOCX_EAST } from './style.js';

// Text as Word needs it: runs that say in which direction they are read and whose characters they hold.

type Look = Omit<IRunOptions, 'text' | 'children' | 'rightToLeft' | 'font'>;

const NO_BREAK_SPACE = '\u00a0';

/** What Word sets in its East Asian font, whose shapes differ from country to country. */
const EAST_ASIAN = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

const marks = (text: string): Pick<IRunOptions, 'font'> =>
  EAST_ASIAN.test(text) ? { font: { eastAsia: FONT_DOCX_EAST[regionOf(text)] } } : {};

/** One run, or one for each direction. */
export const textRuns = (text: string, look: Look = {}): TextRun[] =>
  directionsOf(text).map(
    (piece) =>
      new TextRun({
        ...look,
        ...marks(piece.text),
        ...(piece.rightToLeft ? { rightToLeft: true } : {}),
        text: piece.text,
      }),
  );

/** A citation is broken only between what it cites: not after the comma or the hyphen of `[3, PK-03; 4, PK-05]`. */
export const citationRun = (text: string, look: Look = {}): TextRun =>
  new TextRun({
    ...look,
    children: text
      .replace(/(?<!;) /gu, NO_BREAK_SPACE)
      .split('-')
      .flatMap((piece, index) => (index === 0 ? [piece] : [new NoBreakHyphen(), piece])),
  });

export type DocxChild = ISectionOptions['children'][number];

/** A4 less the margins, in twentieths of a point. */
export const TEXT_WIDTH = 9406;

export const tableAnchor = (number: number): string => `table_${number}`;

/** Its caption, the table, and some space. */
export const table = ({ number, caption, columns, widths, rows }: DocumentBlockOf<'table'>): DocxChild[] => {
  const together = rows.length <= STYLE.rowsKeptTogether;
  return [
    new Paragraph({
      style: 'Caption',
      keepNext: true,
      children: [
        new Bookmark({
          id: tableAnchor(number),
          children: [
            new TextRun(`${CAPTION_LABEL} `),
            new SequentialIdentifier(CAPTION_LABEL),
            ...textRuns(`. ${caption}`),
          ],
        }),
      ],
    }),
    grid(
      widths,
      rows.map((row, index) =>
        row.map((text, column) =>
          cell(
            column === columns.length - 1 && text.startsWith('[')
              ? [citationRun(text, citation)]
              : textRuns(text, { size: STYLE.table * 2 }),
            together && index < rows.length - 1,
          ),
        ),
      ),
      columns,
    ),
    new Paragraph({ spacing: { after: 120 } }),
  ];
};

/** Labels and values, without a header. */
export const fieldGrid = ({ rows }: DocumentBlockOf<'fields'>): Table =>
  grid(
    [32, 68],
    rows.map(({ label, value }) => [
      cell(textRuns(label, { bold: true, color: STYLE.heading })),
      cell(textRuns(value)),
    ]),
  );

const citation: Look = { size: STYLE.small * 2, color: STYLE.quiet };

const cell = (runs: readonly TextRun[], keepNext = false): Paragraph =>
  new Paragraph({ keepNext, spacing: { before: 40, after: 40 }, children: runs });

const rule = { style: BorderStyle.SINGLE, size: 4, color: STYLE.line };
const strong = { style: BorderStyle.SINGLE, size: 8, color: STYLE.heading };
const none = { style: BorderStyle.NONE, size: 0, color: 'auto' };

/** @param widths in percent. @param header titles of columns, repeated on each page; a grid without them has none */
const grid = (widths: readonly number[], rows: readonly Paragraph[][], header?: readonly string[]): Table => {
  const columnWidths = widths.map((percent) => Math.floor((percent * TEXT_WIDTH) / 100));
  const row = (cells: readonly Paragraph[], isHeader: boolean): TableRow =>
    new TableRow({
      tableHeader: isHeader,
      cantSplit: true,
      children: cells.map(
        (paragraph, column) =>
          new TableCell({
            width: { size: columnWidths[column] ?? 0, type: WidthType.DXA },
            children: [paragraph],
            ...(isHeader ? { shading: { type: ShadingType.CLEAR, fill: STYLE.fill, color: 'auto' } } : {}),
          }),
      ),
    });
  const titles = header?.map(
    (text) =>
      new Paragraph({
        spacing: { before: 40, after: 40 },
        keepNext: true,
        children: textRuns(text, { bold: true, color: STYLE.heading, size: STYLE.table * 2 }),
      }),
  );
  return new Table({
    width: { size: columnWidths.reduce((sum, width) => sum + width, 0), type: WidthType.DXA },
    columnWidths,
    layout: TableLayoutType.FIXED,
    margins: { left: 80, right: 80, top: 20, bottom: 20 },
    borders: {
      top: titles ? strong : none,
      bottom: titles ? strong : rule,
      left: none,
      right: none,
      insideHorizontal: rule,
      insideVertical: none,
    },
    rows: [...(titles ? [row(titles, true)] : []), ...rows.map((cells) => row(cells, false))],
  });
};
