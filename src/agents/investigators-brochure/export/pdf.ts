import type { Content, TDocumentDefinitions } from 'pdfmake/interfaces.js';
import {
  DRAFT,
  headerTexts,
  headingOf,
  type BrochureDocument,
  type DocumentBlock,
  type DocumentSection,
} from '../document.js';
import { pdfBlock } from './pdf-blocks.js';
import { pdfFile } from '../../../infrastructure/typesetting/pdf-file.js';
import { pdfStyles } from './pdf-styles.js';
import type { Rendered } from './rendered.js';
import { hex, PDF_TEXT_WIDTH, STYLE } from './style.js';
import { unprintableNotes } from './unprintable.js';

/** A4, with bookmarks, page numbers and a mark on every page. The same document gives the same bytes. */
export const pdf = async (given: BrochureDocument): Promise<Rendered> => {
  const warnings = unprintableNotes(given);
  const document = { ...given, notes: [...warnings, ...given.notes] };
  const headings = document.sections.filter(({ kind }) => kind !== 'title').map(({ key }) => key);
  return { content: await pdfFile(definition(document), headings), warnings };
};

const PAGE_WIDTH = 595.28;
const MARGIN = (PAGE_WIDTH - PDF_TEXT_WIDTH) / 2;
const RUNNING_RIGHT = 110;

const definition = (document: BrochureDocument): TDocumentDefinitions => {
  const { left, right } = headerTexts(document);
  const created = new Date(document.created_at);
  const running = (texts: [string, string], margin: [number, number, number, number]): Content => ({
    columns: [
      { text: texts[0], width: PDF_TEXT_WIDTH - RUNNING_RIGHT },
      { text: texts[1], width: RUNNING_RIGHT, alignment: 'right' },
    ],
    style: 'running',
    margin,
  });
  const rule = (y: number): Content => ({
    canvas: [
      { type: 'line', x1: MARGIN, y1: y, x2: PAGE_WIDTH - MARGIN, y2: y, lineWidth: 0.5, lineColor: hex(STYLE.line) },
    ],
  });
  return {
    pageSize: 'A4',
    pageMargins: [MARGIN, 82, MARGIN, 70],
    info: {
      title: `${document.product}: ${document.title}`,
      author: document.sponsor ?? 'Unknown sponsor',
      subject: `${document.title}, ${DRAFT}`,
      creator: 'workflow-executor',
      producer: 'pdfmake',
      creationDate: created,
      modDate: created,
    },
    language: document.language,
    displayTitle: true,
    version: '1.7',
    defaultStyle: { font: 'Roboto', fontSize: STYLE.body, lineHeight: 1.25, color: hex(STYLE.ink) },
    styles: pdfStyles,
    watermark: { text: DRAFT, color: hex(STYLE.watermark), opacity: 0.16, bold: true, fontSize: 150 },
    header: (page) => (page === 1 ? '' : [running([left, right], [MARGIN, 38, MARGIN, 5]), rule(0)]),
    footer: (page, pages) => [
      rule(0),
      running([`${DRAFT} of ${document.created_at.slice(0, 10)}`, `Page ${page} of ${pages}`], [MARGIN, 6, MARGIN, 0]),
    ],
    content: document.sections.flatMap((section) => sectionContent(section, document)),
  };
};

const sectionContent = (section: DocumentSection, document: BrochureDocument): Content[] => {
  if (section.kind === 'title') return titlePage(section, document);
  const parent = section.level === 2 ? section.key.split('.')[0] : undefined;
  const heading: Content = {
    text: headingOf(section).replace(' ', section.number === null || section.number.includes(' ') ? ' ' : '\u2002'),
    style: section.level === 1 ? 'heading1' : 'heading2',
    id: section.key,
    outline: true,
    outlineText: headingOf(section),
    outlineExpanded: true,
    ...(parent === undefined ? {} : { outlineParentId: parent }),
  };
  const clauses: Content = { text: section.clauses, style: 'clauses' };
  const [first = [], ...rest] = held(section.blocks).map((blocks) =>
    blocks.flatMap((block) => pdfBlock(block, document)),
  );
  const opening = kept([heading, clauses, ...first], section.blocks[0]);
  const breaks = section.level === 1 ? { pageBreak: 'before' as const } : {};
  return [{ ...opening, ...breaks }, ...rest.map((contents) => kept(contents, undefined))];
};

/** A subheading stays with the block that follows it. */
const held = (blocks: readonly DocumentBlock[]): DocumentBlock[][] => {
  const groups: DocumentBlock[][] = [];
  for (const block of blocks) {
    const last = groups.at(-1);
    if (last?.length === 1 && last[0]?.kind === 'subheading' && !isLong(block)) last.push(block);
    else groups.push([block]);
  }
  return groups;
};

const LONG_PARAGRAPH = 1500;
const isLong = (block: DocumentBlock): boolean =>
  block.kind !== 'paragraph' || block.spans.reduce((length, { text }) => length + text.length, 0) > LONG_PARAGRAPH;

/** What cannot be broken must fit a page: only headings with a paragraph of moderate length are kept together. */
const kept = (contents: Content[], first: DocumentBlock | undefined): { stack: Content[]; unbreakable?: boolean } => ({
  stack: contents,
  ...(contents.length > 1 && (first === undefined || first.kind === 'subheading' || !isLong(first))
    ? { unbreakable: true }
    : {}),
});

const titlePage = ({ blocks, clauses }: DocumentSection, document: BrochureDocument): Content[] => [
  { text: `${DRAFT} · CONFIDENTIAL`, style: 'mark' },
  { text: document.title, style: 'title', id: 'title_page' },
  { text: document.product, style: 'product' },
  { text: clauses, style: 'clauses', margin: [0, 0, 0, 26] },
  ...blocks.flatMap((block) => pdfBlock(block, document)),
  ...(document.notes.length === 0
    ? []
    : [
        {
          table: {
            widths: ['*'],
            body: [
              [
                {
                  stack: document.notes.map((text) => ({
                    text,
                    margin: [0, 1, 0, 1] as [number, number, number, number],
                  })),
                  fillColor: hex(STYLE.alertFill),
                  color: hex(STYLE.alert),
                },
              ],
            ],
          },
          layout: {
            hLineWidth: () => 0,
            vLineWidth: (i: number) => (i === 0 ? 2.5 : 0),
            vLineColor: () => hex(STYLE.alert),
            paddingLeft: () => 10,
            paddingTop: () => 7,
            paddingBottom: () => 7,
          },
          margin: [0, 24, 0, 0] as [number, number, number, number],
        },
      ]),
];
