import { AlignmentType, LineRuleType, type IStylesOptions } from 'docx';
import { FONTS_DOCX, STYLE } from './style.js';

const size = (points: number): number => points * 2;

/** In parts of 240 of a line's own height. Without the rule some applications take it for a height, and lines overlap. */
export const lines = (line: number) => ({ line, lineRule: LineRuleType.AUTO });

/** @param outlineLevel from 0: where the heading stands among bookmarks and in the navigation */
const heading = (points: number, before: number, outlineLevel: number) => ({
  run: { font: FONTS_DOCX, size: size(points), bold: true, color: STYLE.heading },
  paragraph: { spacing: { before, after: 20, ...lines(264) }, keepNext: true, outlineLevel },
});

const entry = (left: number, before: number, bold: boolean) => ({
  basedOn: 'Normal',
  run: { bold },
  paragraph: { spacing: { before, after: 20 }, indent: { left } },
});

export const docxStyles: IStylesOptions = {
  default: {
    document: {
      run: { font: FONTS_DOCX, size: size(STYLE.body), color: STYLE.ink, language: { value: 'en-GB' } },
      paragraph: { spacing: { after: 120, ...lines(276) }, alignment: AlignmentType.LEFT },
    },
    heading1: heading(STYLE.heading1, 0, 0),
    heading2: heading(STYLE.heading2, 280, 1),
    title: {
      run: { font: FONTS_DOCX, size: size(STYLE.title), bold: true, color: STYLE.heading },
      paragraph: { spacing: { before: 600, after: 120, ...lines(264) } },
    },
    hyperlink: { run: { color: '1d4ed8' } },
  },
  paragraphStyles: [
    { id: 'Product', name: 'Product', basedOn: 'Normal', run: { size: size(STYLE.product), color: STYLE.quiet } },
    {
      id: 'Mark',
      name: 'Mark',
      basedOn: 'Normal',
      run: { size: size(STYLE.small + 1), bold: true, color: STYLE.alert },
      paragraph: { spacing: { before: 600 } },
    },
    {
      id: 'Subheading',
      name: 'Subheading',
      basedOn: 'Normal',
      run: { size: size(STYLE.subheading), bold: true },
      paragraph: { spacing: { before: 160, after: 60 }, keepNext: true },
    },
    {
      id: 'Clauses',
      name: 'Clauses',
      basedOn: 'Normal',
      run: { size: size(STYLE.small), color: STYLE.quiet },
      paragraph: { spacing: { after: 160 }, keepNext: true },
    },
    {
      id: 'Caption',
      name: 'caption',
      basedOn: 'Normal',
      run: { size: size(STYLE.table), bold: true, color: STYLE.heading },
      paragraph: { spacing: { before: 160, after: 80 }, keepNext: true },
    },
    {
      id: 'Note',
      name: 'Note',
      basedOn: 'Normal',
      run: { color: STYLE.alert },
      paragraph: { spacing: { before: 80, after: 80 } },
    },
    {
      id: 'Running',
      name: 'Running',
      basedOn: 'Normal',
      run: { size: size(STYLE.small), color: STYLE.quiet },
      paragraph: { spacing: { after: 0 } },
    },
    { id: 'TOC1', name: 'toc 1', ...entry(0, 80, true) },
    { id: 'TOC2', name: 'toc 2', ...entry(340, 0, false) },
    { id: 'TableofFigures', name: 'table of figures', ...entry(0, 0, false) },
  ],
  characterStyles: [{ id: 'Citation', name: 'Citation', run: { size: size(STYLE.small), color: STYLE.quiet } }],
};
