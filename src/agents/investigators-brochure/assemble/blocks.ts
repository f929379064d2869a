import type { DocumentBlock, DocumentBlockOf } from '../document.js';
import type { Block, BlockOf } from '../sections.js';
import { NO_DATA } from '../texts.js';
import type { Grid } from './appendices.js';
import type { References } from './references.js';

type Generated = BlockOf<'generated'>['content'];

export type Sources = Readonly<{
  references: References;
  /** Gives the table the next number. */
  numbered: (grid: Grid) => DocumentBlockOf<'table'>;
  grid: (content: Extract<Generated, 'fact_register' | 'clause_table'>) => Grid;
}>;

/** Numbers a section's tables, sets its citations, and points to each table from the text before it. */
export const resolveBlocks = (blocks: readonly Block[], sources: Sources): DocumentBlock[] => {
  const resolved: DocumentBlock[] = [];
  for (const block of blocks) {
    const next = resolveBlock(block, sources);
    if (next.kind === 'table' && block.kind === 'table') pointTo(next, resolved);
    resolved.push(next);
  }
  return resolved;
};

const pointTo = ({ number }: DocumentBlockOf<'table'>, before: DocumentBlock[]): void => {
  const last = before.at(-1);
  if (last?.kind === 'paragraph') last.spans.push({ text: ` See Table ${number}.`, citation: false });
  else before.push({ kind: 'paragraph', spans: [{ text: `The data are given in Table ${number}.`, citation: false }] });
};

const resolveBlock = (block: Block, { references, numbered, grid }: Sources): DocumentBlock => {
  switch (block.kind) {
    case 'subheading':
    case 'fields':
      return block;
    case 'paragraph':
      return { kind: 'paragraph', spans: block.sentences.flatMap((sentence, i) => spans(sentence, i > 0, references)) };
    case 'table':
      return numbered(withSources(block, references));
    case 'generated':
      if (block.content === 'contents') return { kind: 'contents' };
      return block.content === 'references' ? references.list : numberedOrNone(grid(block.content), numbered);
  }
};

/** A table without rows is none. */
const numberedOrNone = (grid: Grid, numbered: Sources['numbered']): DocumentBlock =>
  grid.rows.length > 0 ? numbered(grid) : { kind: 'paragraph', spans: [{ text: `${NO_DATA}.`, citation: false }] };

const spans = (
  { text, facts }: BlockOf<'paragraph'>['sentences'][number],
  follows: boolean,
  { cite }: References,
): DocumentBlockOf<'paragraph'>['spans'] => [
  { text: `${follows ? ' ' : ''}${text}${facts.length > 0 ? ' ' : ''}`, citation: false },
  ...(facts.length === 0 ? [] : [{ text: cite(facts), citation: true }]),
];

const SOURCE_WIDTH = 15;

const withSources = ({ caption, columns, rows }: BlockOf<'table'>, { cite }: References): Grid => {
  const first = columns.length > 2 ? 33 : 40;
  const other = (100 - SOURCE_WIDTH - first) / Math.max(columns.length - 1, 1);
  return {
    caption,
    columns: [...columns, 'Source'],
    widths:
      columns.length === 1
        ? [100 - SOURCE_WIDTH, SOURCE_WIDTH]
        : [first, ...columns.slice(1).map(() => other), SOURCE_WIDTH],
    rows: rows.map(({ cells, facts }) => [...columns.map((_, i) => cells[i] ?? ''), cite(facts)]),
  };
};
