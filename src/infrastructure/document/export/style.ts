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
  /** A citation of up to this many characters is not broken over lines. */
  citationOnOneLine: 40,
} as const;

export const hex = (colour: string): string => `#${colour}`;

export const FONT_DOCX = 'Arial';
export const CAPTION_LABEL = 'Table';
