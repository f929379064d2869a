import { AlignmentType, type IStylesOptions } from 'docx';
import { FONT_DOCX, STYLE } from './style.js';

const size = (points: number): number => points * 2;

const heading = (points: number, before: number) => ({
  run: { font: FONT_DOCX, size: size(points), bold: true, color: STYLE.heading },
  paragraph: { spacing: { before, after: 20, line: 264 }, keepNext: true },
});

const entry = (left: number, before: number, bold: boolean) => ({
  basedOn: 'Normal',
  run: { bold },
  paragraph: { spacing: { before, after: 20 }, indent: { left } },
});

export const docxStyles: IStylesOptions = {
  default: {
    document: {
      run: { font: FONT_DOCX, size: size(STYLE.body), color: STYLE.ink, language: { value: 'en-GB' } },
      paragraph: { spacing: { after: 120, line: 276 }, alignment: AlignmentType.LEFT },
    },
    heading1: heading(STYLE.heading1, 0),
    heading2: heading(STYLE.heading2, 280),
    title: {
      run: { font: FONT_DOCX, size: size(STYLE.title), bold: true, color: STYLE.heading },
      paragraph: { spacing: { before: 600, after: 120, line: 264 } },
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
      run: { size: size(STYLE.table), color: STYLE.heading },
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
