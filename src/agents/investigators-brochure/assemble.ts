import { documentAgent, Refusal } from './agent.js';
import {
  type BrochureDocument,
  type DocumentBlockOf,
  type DocumentSection,
  outlineSchema,
  type OutlineSection,
  type DocumentBlock,
  reportSchema,
  sectionsSchema,
  type Block,
  type BlockOf,
  type WrittenSection,
} from './document.js';
import { factsSchema, hashOf, productName, projectIdentity, type Fact } from './project/fact.js';
import { NO_DATA } from './texts.js';

type Generated = BlockOf<'generated'>['content'];

type Grid = Readonly<{ caption: string; columns: string[]; widths: number[]; rows: string[][] }>;

type Sources = Readonly<{
  references: References;
  /** Gives the table the next number. */
  numbered: (grid: Grid) => DocumentBlockOf<'table'>;
  grid: (content: Extract<Generated, 'fact_register' | 'clause_table'>) => Grid;
}>;

/** Numbers a section's tables, sets its citations, and points to each table from the text before it. */
const resolveBlocks = (blocks: readonly Block[], sources: Sources): DocumentBlock[] => {
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

type References = Readonly<{
  /** `[3, PK-03; 4, PK-05]` */
  cite: (factIds: readonly string[]) => string;
  numberOf: (fact: Fact) => number;
  list: DocumentBlockOf<'references'>;
}>;

/** Sources get their numbers in the order in which the document first cites them. */
const references = (facts: readonly Fact[], sections: readonly WrittenSection[]): References => {
  const byId = new Map(facts.map((fact) => [fact.id, fact]));
  const numbers = new Map<string, number>();
  for (const id of sections.flatMap(({ blocks }) => blocks.flatMap(citedIn))) {
    const source = byId.get(id)?.source.id;
    if (source !== undefined && !numbers.has(source)) numbers.set(source, numbers.size + 1);
  }
  const numberOf = ({ source }: Fact): number => numbers.get(source.id) ?? 0;
  const cite = (ids: readonly string[]): string => {
    const cited = ids.flatMap((id) => byId.get(id) ?? []);
    return cited.length === 0 ? '' : `[${cited.map((fact) => `${numberOf(fact)}, ${fact.id}`).join('; ')}]`;
  };
  const items = [...numbers].map(([sourceId, number]) => {
    const citing = facts.filter(({ source }) => source.id === sourceId);
    return { number, ...described(citing[0]!.source), cited_for: citing.map(withPlace).join(', ') };
  });
  return { cite, numberOf, list: { kind: 'references', items } };
};

const citedIn = (block: WrittenSection['blocks'][number]): string[] => {
  if (block.kind === 'paragraph') return block.sentences.flatMap(({ facts }) => facts);
  return block.kind === 'table' ? block.rows.flatMap(({ facts }) => facts) : [];
};

const described = ({
  title,
  publisher,
  identifier,
  date,
  url,
}: Fact['source']): { text: string; url: string | null } => ({
  text:
    [title, publisher, ...(identifier === null ? [] : [identifier]), date]
      .map((part) => part.replace(/\.$/, ''))
      .join('. ') + '.',
  url,
});

const withPlace = ({ id, source }: Fact): string => (source.locator === null ? id : `${id} (${source.locator})`);

/** `1`, `5.1`, `Appendix A`; null for front matter. In the order of the outline. */
const numberSections = (sections: readonly OutlineSection[]): Map<string, string | null> => {
  let main = 0;
  let sub = 0;
  let appendix = 0;
  const next = ({ numbering, level }: OutlineSection): string | null => {
    if (numbering === 'front') return null;
    if (numbering === 'letter') return `Appendix ${letters((appendix += 1))}`;
    if (level === 2) return `${main}.${(sub += 1)}`;
    sub = 0;
    return `${(main += 1)}`;
  };
  return new Map(sections.map((section) => [section.key, next(section)]));
};

/** A ... Z, AA ... */
const letters = (index: number): string =>
  index > 26
    ? letters(Math.floor((index - 1) / 26)) + letters(((index - 1) % 26) + 1)
    : String.fromCharCode(64 + index);

type Numbers = ReadonlyMap<string, string | null>;

/** Every fact with its source and the hash by which it can be found again in the event log. */
const factRegister = (facts: readonly Fact[], numbers: Numbers, { numberOf }: References): Grid => ({
  caption: 'Facts cited in this document',
  columns: ['Fact', 'Section', 'Subject', 'Source', 'SHA-256 (first 16 digits)'],
  widths: [12, 9, 40, 17, 22],
  rows: facts.map((fact) => [
    fact.id,
    numbers.get(fact.section) ?? '–',
    fact.subject,
    `[${numberOf(fact)}]${fact.source.locator === null ? '' : ` ${fact.source.locator}`}`,
    fact.sha256.slice(0, 16),
  ]),
});

const clauseTable = (sections: readonly OutlineSection[], numbers: Numbers): Grid => ({
  caption: 'Sections of this document and the clauses of ICH E6 that ask for them',
  columns: ['Number', 'Section', 'ICH E6(R3), Appendix A', 'ICH E6(R2), section 7'],
  widths: [16, 44, 20, 20],
  rows: sections.map(({ key, title, e6r3, e6r2 }) => [numbers.get(key) ?? '–', title, e6r3, e6r2]),
});

const needs = {
  project: projectIdentity,
  facts: factsSchema,
  outline: outlineSchema,
  sections: sectionsSchema,
  validation_report: reportSchema,
};

/** Numbers sections, tables and references, and puts the document together. */
export const assemble = documentAgent(needs, ({ project, facts, outline, sections, validation_report }) => {
  if (hashOf(sections) !== validation_report.sections_sha256)
    throw new Refusal(
      'validation',
      'SECTIONS_CHANGED',
      'The sections are not those that were validated: validate them again before they are assembled.',
    );
  const numbers = numberSections(outline.sections);
  const cited = references(facts, sections);
  const tables: BrochureDocument['tables'] = [];
  const sources: Sources = {
    references: cited,
    numbered: (grid): DocumentBlockOf<'table'> => {
      const number = tables.length + 1;
      tables.push({ number, caption: grid.caption });
      return { kind: 'table', number, ...grid };
    },
    grid: (content) =>
      content === 'fact_register' ? factRegister(facts, numbers, cited) : clauseTable(outline.sections, numbers),
  };
  const written = new Map(sections.map(({ key, blocks }) => [key, blocks]));
  const document: BrochureDocument = {
    project_id: project.id,
    title: outline.title,
    product: productName(project),
    sponsor: project.sponsor?.name ?? null,
    edition: project.edition?.number ?? null,
    language: outline.language,
    formats: outline.formats,
    created_at: project.collected_at,
    notes: outline.notes,
    sections: outline.sections.map(({ key, title, level, kind, e6r3, e6r2 }): DocumentSection => ({
      key,
      number: numbers.get(key) ?? null,
      title,
      level,
      kind,
      clauses: `ICH E6(R3) ${e6r3} · E6(R2) ${e6r2}`,
      blocks: resolveBlocks(written.get(key) ?? [], sources),
    })),
    tables,
  };
  return {
    success: true,
    data: { document },
    metadata: {
      sections: document.sections.length,
      tables: tables.length,
      references: cited.list.items.length,
      warnings: [],
    },
  };
});
