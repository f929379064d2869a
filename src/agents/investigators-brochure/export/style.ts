/** One look for both files. Sizes in points, colours as RRGGBB. */
export const STYLE = {
  ink: '1c2430',
  heading: '1f3a5f',
  quiet: '5a6472',
  line: 'c3ccd8',
  fill: 'e9eef5',
  alert: '9b1c1c',
  alertFill: 'fdf3f2',
  watermark: 'a9b4c4',
  body: 10,
  small: 8,
  table: 9,
  title: 26,
  product: 18,
  heading1: 15,
  heading2: 12,
  subheading: 10.5,
  /** A table of up to this many rows is not broken over pages. */
  rowsKeptTogether: 12,
} as const;

export const hex = (colour: string): string => `#${colour}`;

/** A4 less the margins, in points. */
export const PDF_TEXT_WIDTH = 471.28;

export const FONT_DOCX = 'Arial';
/** Fonts that come with Word, by whose characters they hold. */
export const FONT_DOCX_EAST = { sc: 'Microsoft YaHei', jp: 'Yu Gothic', kr: 'Malgun Gothic' } as const;
export const FONTS_DOCX = { ascii: FONT_DOCX, hAnsi: FONT_DOCX, cs: FONT_DOCX, eastAsia: FONT_DOCX_EAST.sc } as const;
export const CAPTION_LABEL = 'Table';
