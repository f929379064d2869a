/** Text as Word needs it: runs that say in which direction they are read and whose characters they hold. */
import { NoBreakHyphen, TextRun, type IRunOptions } from 'docx';
import { regionOf } from '../../../infrastructure/typesetting/font-files.js';
import { FONT_DOCX_EAST } from './style.js';
import { directionsOf } from '../../../infrastructure/typesetting/text-runs.js';

export type Look = Omit<IRunOptions, 'text' | 'children' | 'rightToLeft' | 'font'>;

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
