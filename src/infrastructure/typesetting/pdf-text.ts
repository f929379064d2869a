/** Sets each text of a pdfmake definition in the fonts that have its characters, wherever in the document it stands. */
import type { Content, TDocumentDefinitions } from 'pdfmake/interfaces.js';
import { ROBOTO } from './font-files.js';
import { UsedFonts } from './font-set.js';
import { printableLines } from './printable.js';
import { runsOf, type Run } from './text-runs.js';

type Node = Record<string, unknown>;
type Piece = string | (Node & { text: string });

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

const wordsOf = (piece: Piece): string => printableLines(typeof piece === 'string' ? piece : piece.text);

/** What pdfmake draws in its default font needs nothing more. */
const asIs = (runs: readonly Run[]): boolean => runs.every(({ font, level }) => font === ROBOTO && level === 0);

/** @param fonts hears which characters are drawn in which font */
const inFonts = (fonts: UsedFonts) => {
  const text = (value: unknown): unknown => {
    const pieces = (Array.isArray(value) ? value : [value]) as Piece[];
    const runs = runsOf(pieces.map(wordsOf));
    const set = pieces.flatMap((piece, index) => {
      const style = typeof piece === 'string' ? {} : piece;
      const own = runs[index]!;
      for (const run of own) fonts.take(run.font, run.text);
      if (asIs(own)) return [{ ...style, text: own.map((run) => run.text).join('') }];
      return own.map((run) => ({ ...style, text: run.text, font: run.font.name, level: run.level }));
    });
    return set.length === 1 && typeof value === 'string' && asIs(runs[0]!) ? set[0]!.text : set;
  };

  const node = (value: unknown): unknown => {
    if (typeof value === 'string') return { text: text(value) };
    if (Array.isArray(value)) return value.map(node);
    if (!isNode(value)) return value;
    const { table } = value;
    return {
      ...value,
      ...('text' in value ? { text: text(value['text']) } : {}),
      ...('stack' in value ? { stack: node(value['stack']) } : {}),
      ...('columns' in value ? { columns: node(value['columns']) } : {}),
      ...(isNode(table) ? { table: { ...table, body: node(table['body']) } } : {}),
    };
  };
  return (content: Content): Content => node(content) as Content;
};

type Running = Extract<TDocumentDefinitions['header'], (...given: never[]) => unknown>;

/** Headers and footers are asked for while pages are laid out, when the fonts must be there: they are asked once before. */
export const setInFonts = (
  definition: TDocumentDefinitions,
): Readonly<{ definition: TDocumentDefinitions; fonts: UsedFonts }> => {
  const fonts = new UsedFonts();
  const set = inFonts(fonts);
  const running = (made: TDocumentDefinitions['header']) => {
    if (typeof made !== 'function') return made === undefined ? undefined : set(made);
    const ask: Running = (...given) => set(made(...given) ?? '');
    ask(2, 2, { width: 0, height: 0, orientation: 'portrait' });
    return ask;
  };
  return {
    fonts,
    definition: {
      ...definition,
      content: set(definition.content),
      header: running(definition.header),
      footer: running(definition.footer),
    },
  };
};
