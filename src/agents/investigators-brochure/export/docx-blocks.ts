import {
  ExternalHyperlink,
  InternalHyperlink,
  LeaderType,
  PageReference,
  Paragraph,
  Tab,
  TableOfContents,
  TabStopType,
  TextRun,
} from 'docx';
import type { BrochureDocument, DocumentBlock, DocumentBlockOf } from '../document.js';
import { fieldGrid, table, tableAnchor, TEXT_WIDTH, type DocxChild } from './docx-table.js';
import { lines } from './docx-styles.js';
import { citationRun, textRuns } from './docx-text.js';
import { CAPTION_LABEL, STYLE } from './style.js';

export const docxBlock = (block: DocumentBlock, document: BrochureDocument): DocxChild[] => {
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
