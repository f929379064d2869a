import {
  BorderStyle,
  Document,
  Footer,
  Header,
  HeadingLevel,
  PageNumber,
  Paragraph,
  Tab,
  TabStopType,
  TextRun,
  type ParagraphChild,
  Packer,
  ExternalHyperlink,
  InternalHyperlink,
  LeaderType,
  PageReference,
  TableOfContents,
} from 'docx';
import { estimatePageNumbersWith } from 'docx/layout';
import { TextWatermark } from 'docx/watermarks';
import { strFromU8, strToU8, unzipSync, zipSync, type Unzipped } from 'fflate';
import {
  DRAFT,
  headerTexts,
  headingOf,
  type BrochureDocument,
  type DocumentSection,
  type DocumentBlock,
  type DocumentBlockOf,
} from '../document.js';
import { docxStyles, lines } from './docx-styles.js';
import { TEXT_WIDTH, type DocxChild, fieldGrid, table, tableAnchor, textRuns, citationRun } from './docx-table.js';
import { FONT_DOCX, STYLE, CAPTION_LABEL } from './style.js';

const docxBlock = (block: DocumentBlock, document: BrochureDocument): DocxChild[] => {
  switch (block.kind) {
    case 'subheading':
      return [new Paragraph({ style: 'Subheading', children: textRuns(block.text), keepNext: true })];
    case 'paragraph':
      return [
        new Paragraph({
          children: block.spans.flatMap(({ text, citation }) =>
            citation ? [citationRun(text, { style: 'Citation' })] : textRuns(text),
          ),
        }),
      ];
    case 'table':
      return table(block);
    case 'fields':
      return [fieldGrid(block)];
    case 'contents':
      return contents(document);
    case 'references':
      return block.items.length === 0 ? [new Paragraph('No data available.')] : block.items.flatMap(reference);
  }
};

/** Fields that Word can update, filled in already: by `docx` from the headings, and here from the tables. */
const contents = ({ tables }: BrochureDocument): DocxChild[] => [
  new TableOfContents('Table of Contents', { hyperlink: true, headingStyleRange: '1-2' }),
  ...(tables.length === 0
    ? []
    : [
        new Paragraph({ style: 'Subheading', text: 'List of Tables', keepNext: true }),
        new TableOfContents('List of Tables', {
          hyperlink: true,
          captionLabelIncludingNumbers: CAPTION_LABEL,
          contentChildren: tables.map(tableEntry),
        }),
      ]),
];

const tableEntry = ({ number, caption }: BrochureDocument['tables'][number]): Paragraph =>
  new Paragraph({
    style: 'TableofFigures',
    tabStops: [{ type: TabStopType.RIGHT, position: TEXT_WIDTH, leader: LeaderType.DOT }],
    children: [
      new InternalHyperlink({
        anchor: tableAnchor(number),
        children: [
          ...textRuns(`${CAPTION_LABEL} ${number}. ${caption}`),
          new TextRun({ children: [new Tab()] }),
          new PageReference(tableAnchor(number), { hyperlink: true }),
        ],
      }),
    ],
  });

const reference = ({ number, text, url, cited_for }: DocumentBlockOf<'references'>['items'][number]): Paragraph =>
  new Paragraph({
    indent: { left: 560, hanging: 560 },
    tabStops: [{ type: 'left', position: 560 }],
    keepLines: true,
    spacing: { after: 80, ...lines(252) },
    children: [
      new TextRun({ children: [`[${number}]`, new Tab()] }),
      ...textRuns(text),
      ...(url === null
        ? []
        : [
            new TextRun({ text: '', break: 1 }),
            new ExternalHyperlink({
              link: url,
              children: [new TextRun({ text: url, style: 'Hyperlink', size: STYLE.small * 2 })],
            }),
          ]),
      new TextRun({ text: '', break: 1 }),
      ...textRuns(`Cited for ${cited_for}`, { size: STYLE.small * 2, color: STYLE.quiet }),
    ],
  });

// Makes bytes of a docx document, without the time at which, and the process in which, it was packed.

/** `docx` draws ids by chance, or counts them on from one document to the next. Here they get numbers by their order. */

type XmlParts = Record<string, string>;

/** In this order, so that a relation has the number of its first use in the text. */
const FIRST = 'word/document.xml';

const PATTERNS: readonly (readonly [pattern: RegExp, prefix: string])[] = [
  [/(?<=")rId([a-z0-9_-]{21})(?=")/g, 'rIdLink'],
  [/(?<=")PowerPlusWaterMarkObject([a-z0-9_-]{21})(?=")/g, 'PowerPlusWaterMarkObject'],
  [/(?<=w:(?:name|anchor)="|PAGEREF )_Toc(\d+)\b/g, '_Toc'],
  [/(?<=<w:bookmark(?:Start|End)\b[^>]*\bw:id=")(\d+)(?=")/g, ''],
];

/** @param parts XML by path. The result depends on what the parts say, not on when or how often a document was made. */
const withStableIds = (parts: Readonly<XmlParts>): XmlParts => {
  const paths = Object.keys(parts).sort((a, b) => Number(b === FIRST) - Number(a === FIRST) || (a < b ? -1 : 1));
  const stable: XmlParts = { ...parts };
  for (const [pattern, prefix] of PATTERNS) {
    const numbers = new Map<string, string>();
    for (const path of paths)
      stable[path] = (stable[path] ?? '').replace(pattern, (found) => {
        const number = numbers.get(found) ?? `${prefix}${numbers.size + 1}`;
        numbers.set(found, number);
        return number;
      });
  }
  return stable;
};

/** The first time a ZIP file can name. ZIP times have no zone: given in local parts, these are the same bytes everywhere. */
const ZIP_TIME = new Date(1980, 0, 1);
const XML = /\.(xml|rels)$/;
const CORE = 'docProps/core.xml';
const STAMP = /(<dcterms:(?:created|modified)[^>]*>)[^<]*/g;

/** @param created what the file says of itself; `docx` would write the time of day */
const docxFile = async (document: Document, created: Date): Promise<Buffer> => {
  const entries = unzipSync(await Packer.toBuffer(document));
  const xml = Object.entries(entries).filter(([path]) => XML.test(path));
  const parts = withStableIds(Object.fromEntries(xml.map(([path, content]) => [path, strFromU8(content)])));
  const stamp = created.toISOString().replace(/\.\d+Z$/, 'Z');
  parts[CORE] = (parts[CORE] ?? '').replace(STAMP, `$1${stamp}`);
  const stable: Unzipped = { ...entries };
  for (const [path, content] of Object.entries(parts)) stable[path] = strToU8(content);
  return Buffer.from(zipSync(stable, { mtime: ZIP_TIME, level: 6 }));
};

/** A4, with a real table of contents, page numbers and a mark on every page. The same document gives the same bytes. */
export const docx = (document: BrochureDocument): Promise<Buffer> =>
  docxFile(build(document), new Date(document.created_at));

const build = (document: BrochureDocument): Document => {
  const { left, right } = headerTexts(document);
  return new Document({
    title: `${document.product}: ${document.title}`,
    subject: `${document.title}, ${DRAFT}`,
    creator: document.sponsor ?? 'Unknown sponsor',
    lastModifiedBy: 'workflow-executor',
    description: document.notes.join(' '),
    styles: docxStyles,
    ...(isLong(document) ? {} : { pageNumbers: estimatePageNumbersWith({ guess: true }) }),
    sections: [
      {
        properties: {
          titlePage: true,
          page: {
            size: { width: 11906, height: 16838 },
            margin: { top: 1640, bottom: 1400, left: 1250, right: 1250, header: 740, footer: 620 },
          },
        },
        headers: {
          first: new Header({ children: [running([new TextRun(''), watermark()])] }),
          default: new Header({
            children: [
              running([...textRuns(left), new TextRun({ children: [new Tab(), right] }), watermark()], 'bottom'),
            ],
          }),
        },
        footers: { first: footer(document), default: footer(document) },
        children: document.sections.flatMap((section) => sectionChildren(section, document)),
      },
    ],
  });
};

/** Rows and paragraphs. Working out the pages of more would take longer than the file is worth. */
const PAGED_BLOCKS = 1500;

/**
 * Page numbers of the contents are worked out here, so that they show before Word updates the fields. A document too
 * long for that asks Word to update them when it is opened.
 */
const isLong = ({ sections }: BrochureDocument): boolean => {
  const sizes = sections.flatMap(({ blocks }) =>
    blocks.map((block) => (block.kind === 'table' ? block.rows.length : 1)),
  );
  return sizes.reduce((sum, size) => sum + size, 0) > PAGED_BLOCKS;
};

const watermark = (): TextWatermark =>
  new TextWatermark({
    text: DRAFT,
    font: FONT_DOCX,
    bold: true,
    color: `#${STYLE.watermark}`,
    opacity: 0.22,
    width: 420,
  });

const running = (children: ParagraphChild[], rule?: 'top' | 'bottom'): Paragraph =>
  new Paragraph({
    style: 'Running',
    tabStops: [{ type: TabStopType.RIGHT, position: TEXT_WIDTH }],
    children,
    ...(rule ? { border: { [rule]: { style: BorderStyle.SINGLE, size: 4, color: STYLE.line, space: 6 } } } : {}),
  });

const footer = ({ created_at }: BrochureDocument): Footer =>
  new Footer({
    children: [
      running(
        [
          new TextRun({
            children: [
              `${DRAFT} of ${created_at.slice(0, 10)}`,
              new Tab(),
              'Page ',
              PageNumber.CURRENT,
              ' of ',
              PageNumber.TOTAL_PAGES,
            ],
          }),
        ],
        'top',
      ),
    ],
  });

const sectionChildren = (section: DocumentSection, document: BrochureDocument): DocxChild[] => {
  if (section.kind === 'title') return titlePage(section, document);
  return [
    new Paragraph({
      heading: section.level === 1 ? HeadingLevel.HEADING_1 : HeadingLevel.HEADING_2,
      children: textRuns(headingOf(section)),
      pageBreakBefore: section.level === 1,
    }),
    new Paragraph({ style: 'Clauses', children: textRuns(section.clauses) }),
    ...section.blocks.flatMap((block) => docxBlock(block, document)),
  ];
};

const titlePage = ({ blocks, clauses }: DocumentSection, document: BrochureDocument): DocxChild[] => [
  new Paragraph({ style: 'Mark', text: `${DRAFT} · CONFIDENTIAL` }),
  new Paragraph({ heading: HeadingLevel.TITLE, children: textRuns(document.title) }),
  new Paragraph({ style: 'Product', children: textRuns(document.product) }),
  new Paragraph({ style: 'Clauses', text: clauses, spacing: { after: 480 } }),
  ...blocks.flatMap((block) => docxBlock(block, document)),
  ...(document.notes.length === 0 ? [] : [new Paragraph({ spacing: { after: 160 } })]),
  ...document.notes.map(
    (text) =>
      new Paragraph({
        style: 'Note',
        children: textRuns(text),
        indent: { left: 160 },
        border: { left: { style: BorderStyle.SINGLE, size: 18, color: STYLE.alert, space: 8 } },
      }),
  ),
];
