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
} from 'docx';
import { estimatePageNumbersWith } from 'docx/layout';
import { TextWatermark } from 'docx/watermarks';
import { DRAFT, headerTexts, headingOf, type BrochureDocument, type DocumentSection } from '../document.js';
import { docxBlock } from './docx-blocks.js';
import { docxFile } from './docx-file.js';
import { docxStyles } from './docx-styles.js';
import { TEXT_WIDTH, type DocxChild } from './docx-table.js';
import { textRuns } from './docx-text.js';
import { FONT_DOCX, STYLE } from './style.js';

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
