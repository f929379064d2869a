import type { Content, CustomTableLayout, TableCell } from 'pdfmake/interfaces.js';
import { type BrochureDocument, type DocumentBlock, type DocumentBlockOf } from '../document.js';
import { CAPTION_LABEL, hex, STYLE } from './style.js';

/** Rules above and below the header row and at the end; nothing between columns. */
const ruled: CustomTableLayout = {
  hLineWidth: (line, { table }) =>
    line === 0 ? 0 : line === 1 || line === 2 || line === table.body.length ? 0.8 : 0.4,
  vLineWidth: () => 0,
  hLineColor: (line, { table }) =>
    hex(line === 1 || line === 2 || line === table.body.length ? STYLE.heading : STYLE.line),
  paddingLeft: (column) => (column === 0 ? 4 : 6),
  paddingRight: () => 4,
  paddingTop: () => 3.5,
  paddingBottom: () => 3.5,
};

/** A rule below each row. */
export const listed: CustomTableLayout = {
  hLineWidth: (line) => (line === 0 ? 0 : 0.4),
  vLineWidth: () => 0,
  hLineColor: () => hex(STYLE.line),
  paddingLeft: (column) => (column === 0 ? 0 : 6),
  paddingRight: () => 0,
  paddingTop: () => 3,
  paddingBottom: () => 3,
};

export const pdfBlock = (block: DocumentBlock, document: BrochureDocument): Content[] => {
  switch (block.kind) {
    case 'subheading':
      return [{ text: block.text, style: 'subheading' }];
    case 'paragraph':
      return [
        {
          text: block.spans.flatMap(({ text, citation }) => (citation ? citationPieces(text, 'citation') : [{ text }])),
          style: 'paragraph',
        },
      ];
    case 'table':
      return [table(block)];
    case 'fields':
      return [fields(block)];
    case 'contents':
      return contents(document);
    case 'references':
      return [references(block)];
  }
};

/** A citation is broken only between what it cites: `[3, PK-03;` and `4, PK-05]`. */
const citationPieces = (text: string, style: string) =>
  unbroken(text, /(?<=; )/u).map((piece) => ({ ...piece, style }));

const unbroken = (text: string, between: RegExp) => text.split(between).map((piece) => ({ text: piece, noWrap: true }));

/** The caption is a header row, so that a table that goes on over pages is named on each. */
const table = ({ number, caption, columns, widths, rows }: DocumentBlockOf<'table'>): Content => {
  const title: TableCell = {
    text: `${CAPTION_LABEL} ${number}. ${caption}`,
    colSpan: columns.length,
    style: 'caption',
    margin: [-4, 0, 0, 0],
  };
  const header = columns.map((text): TableCell => ({ text, style: 'tableHeader', fillColor: hex(STYLE.fill) }));
  const body = rows.map((row, index) => row.map((text, column) => cell(text, column, index === 0 ? number : null)));
  const grid: Content = {
    table: {
      headerRows: 2,
      keepWithHeaderRows: 1,
      dontBreakRows: true,
      widths: widths.map((width) => `${width}%`),
      body: [[title, ...columns.slice(1).map(() => ({ text: '' }))], header, ...body],
    },
    layout: ruled,
    margin: [0, 6, 0, 14],
  };
  return rows.length <= STYLE.rowsKeptTogether ? { stack: [grid], unbreakable: true } : grid;
};

/** @param table where the cell is of a table's first row. Header rows are repeated, so it is this row that says where the table begins. */
const cell = (text: string, column: number, table: number | null): TableCell => {
  const id = table !== null && column === 0 ? { id: tableId(table) } : {};
  if (column === 0 || !text.startsWith('[')) return { text, style: 'tableCell', ...id };
  return { text: citationPieces(text, 'tableCitation'), style: 'tableCitation', ...id };
};

const tableId = (number: number): string => `table-${number}`;

const fields = ({ rows }: DocumentBlockOf<'fields'>): Content => ({
  table: {
    widths: ['32%', '68%'],
    body: rows.map(({ label, value }): TableCell[] => [
      { text: label, bold: true, color: hex(STYLE.heading) },
      { text: value },
    ]),
  },
  layout: listed,
});

const references = ({ items }: DocumentBlockOf<'references'>): Content => {
  if (items.length === 0) return { text: 'No data available.', style: 'paragraph' };
  const body = items.map(({ number, text, url, cited_for }): TableCell[] => [
    { text: `[${number}]` },
    {
      stack: [
        { text },
        ...(url === null ? [] : [{ text: url, link: url, style: 'link' }]),
        // Broken between facts, not within an id.
        { text: ['Cited for ', ...unbroken(cited_for, /(?<=, )/u)], style: 'quiet' },
      ],
    },
  ]);
  return { table: { widths: [26, '*'], dontBreakRows: true, body }, layout: listed };
};

const contents = ({ sections, tables }: BrochureDocument): Content[] => {
  const entries = sections
    .filter(({ kind }) => kind !== 'title')
    .map(({ key, number, title, level }): TableCell[] => {
      const shared = {
        bold: level === 1,
        linkToDestination: key,
        margin: [0, level === 1 ? 3 : 0, 0, 0] as [number, number, number, number],
      };
      return [
        { text: level === 1 ? (number ?? '') : '', ...shared },
        { text: level === 1 ? title : `${number}   ${title}`, ...shared },
        { pageReference: key, alignment: 'right', ...shared },
      ];
    });
  const captions = tables.map(({ number, caption }): TableCell[] => [
    { text: `${CAPTION_LABEL} ${number}`, linkToDestination: tableId(number) },
    { text: caption, linkToDestination: tableId(number) },
    { pageReference: tableId(number), alignment: 'right' },
  ]);
  const tight: CustomTableLayout = { ...listed, paddingTop: () => 1.5, paddingBottom: () => 1.5, hLineWidth: () => 0 };
  const list = (body: TableCell[][], first: number): Content => ({
    table: { widths: [first, '*', 30], body },
    layout: tight,
  });
  return [
    list(entries, sections.some(({ number }) => number?.startsWith('Appendix')) ? 66 : 26),
    ...(captions.length === 0
      ? []
      : [{ text: 'List of Tables', style: 'subheading', margin: [0, 18, 0, 6] } as Content, list(captions, 54)]),
  ];
};
