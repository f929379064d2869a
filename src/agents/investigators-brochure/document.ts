/** The assembled document: everything is numbered and resolved, nothing is laid out. DOCX and PDF are drawn from it. */
import { z } from 'zod';
import { webAddress, words, text, sha256 } from './texts.js';

// What the writer leaves: each section as blocks of text whose every sentence and row names the facts it rests on.

const facts = z.array(z.string().max(40)).max(2000);

const sentence = z.strictObject({ text: text(8000), facts });
const row = z.strictObject({ cells: z.array(words(8000)).min(1).max(12), facts });

const writtenBlock = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('subheading'), text: text(200) }),
  z.strictObject({ kind: z.literal('paragraph'), sentences: z.array(sentence).min(1).max(2000) }),
  z.strictObject({
    kind: z.literal('table'),
    caption: text(300),
    columns: z.array(text(120)).min(1).max(12),
    rows: z.array(row).min(1).max(2000),
  }),
  /** What the title page says of the document. */
  z.strictObject({
    kind: z.literal('fields'),
    rows: z.array(z.strictObject({ label: text(80), value: text(2000) })).min(1),
  }),
  /** Filled in by the assembler, which alone knows all numbers. */
  z.strictObject({
    kind: z.literal('generated'),
    content: z.enum(['contents', 'references', 'fact_register', 'clause_table']),
  }),
]);

const writtenSection = z.strictObject({
  key: z.string().min(1).max(80),
  title: text(200),
  blocks: z.array(writtenBlock).max(2000),
});
export const sectionsSchema = z.array(writtenSection).max(200);

export type Block = z.infer<typeof writtenBlock>;
export type BlockOf<K extends Block['kind']> = Extract<Block, { kind: K }>;
export type WrittenSection = z.infer<typeof writtenSection>;

const count = z.number().int().min(0);

/** Only a document without problems has a report; the hashes say which facts and which sections it speaks of. */
export const reportSchema = z.strictObject({
  valid: z.literal(true),
  facts_sha256: sha256,
  sections_sha256: sha256,
  checked: z.strictObject({
    sections: count,
    sentences: count,
    sentences_without_citation: count,
    table_rows: count,
    facts_cited: count,
    numbers: count,
  }),
  sections_without_data: z.array(z.string()),
});
export type ValidationReport = z.infer<typeof reportSchema>;

export const FORMATS = ['docx', 'pdf'] as const;
export type Format = (typeof FORMATS)[number];
const formatsSchema = z
  .array(z.enum(FORMATS))
  .min(1)
  .refine((formats) => new Set(formats).size === formats.length, 'expected each format once');

const outlineSection = z.strictObject({
  key: z.string().min(1).max(80),
  title: text(200),
  kind: z.enum(['title', 'statement', 'contents', 'body', 'references', 'fact_register', 'clause_table']),
  level: z.union([z.literal(1), z.literal(2)]),
  numbering: z.enum(['front', 'decimal', 'letter']),
  e6r3: z.string().max(20),
  e6r2: z.string().max(20),
  required: z.boolean(),
  lead: text(300).nullable(),
  /** The facts that this section is about, in their order. */
  fact_ids: z.array(z.string()),
});
export type OutlineSection = z.infer<typeof outlineSection>;

export const outlineSchema = z.strictObject({
  title: text(200),
  language: z.literal('en'),
  formats: formatsSchema,
  /** Said on the title page. */
  notes: z.array(text(600)).max(20),
  sections: z.array(outlineSection).max(200),
});
export type Outline = z.infer<typeof outlineSchema>;

const line = words(10_000);
const number = z.number().int().min(1);

const span = z.strictObject({ text: line, citation: z.boolean() });

const table = z
  .strictObject({
    kind: z.literal('table'),
    number,
    caption: line,
    columns: z.array(line).min(1).max(12),
    /** Of the text's width, in percent; they add up to 100. */
    widths: z.array(z.number().positive()),
    rows: z.array(z.array(line)).min(1),
  })
  .refine(
    ({ columns, widths, rows }) => [widths, ...rows].every(({ length }) => length === columns.length),
    'expected as many widths, and as many cells in each row, as there are columns',
  );

const reference = z.strictObject({ number, text: line, url: webAddress.nullable(), cited_for: words(100_000) });

const block = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('subheading'), text: line }),
  z.strictObject({ kind: z.literal('paragraph'), spans: z.array(span) }),
  table,
  z.strictObject({ kind: z.literal('fields'), rows: z.array(z.strictObject({ label: line, value: line })).min(1) }),
  z.strictObject({ kind: z.literal('contents') }),
  z.strictObject({ kind: z.literal('references'), items: z.array(reference) }),
]);

const section = z.strictObject({
  key: z.string().min(1).max(80),
  /** `5.1`, `Appendix A`; null in front matter. */
  number: line.nullable(),
  title: line,
  level: z.union([z.literal(1), z.literal(2)]),
  kind: z.enum(['title', 'statement', 'contents', 'body', 'references', 'fact_register', 'clause_table']),
  clauses: line,
  blocks: z.array(block),
});

export const documentSchema = z
  .strictObject({
    project_id: line,
    title: line,
    product: line,
    sponsor: line.nullable(),
    edition: line.nullable(),
    language: z.literal('en'),
    formats: formatsSchema,
    created_at: z.iso.datetime(),
    notes: z.array(line),
    sections: z.array(section).min(1),
    /** The tables of the sections, for the list of tables. */
    tables: z.array(z.strictObject({ number, caption: line })),
  })
  .refine(({ sections }) => new Set(sections.map(({ key }) => key)).size === sections.length, {
    path: ['sections'],
    message: 'expected each key once',
  })
  .refine(
    ({ sections, tables }) => {
      const drawn = sections.flatMap(({ blocks }) => blocks.flatMap((b) => (b.kind === 'table' ? [b.number] : [])));
      return (
        drawn.length === tables.length && drawn.every((n, index) => n === index + 1 && tables[index]?.number === n)
      );
    },
    { path: ['tables'], message: 'expected the tables of the sections, numbered from 1' },
  );

export type BrochureDocument = z.infer<typeof documentSchema>;
export type DocumentSection = z.infer<typeof section>;
export type DocumentBlock = z.infer<typeof block>;
export type DocumentBlockOf<K extends DocumentBlock['kind']> = Extract<DocumentBlock, { kind: K }>;

/** `5.1 Nonclinical Pharmacology` */
export const headingOf = ({ number, title }: Pick<DocumentSection, 'number' | 'title'>): string =>
  number === null ? title : `${number} ${title}`;

export const DRAFT = 'DRAFT';
export const headerTexts = ({ product, edition }: BrochureDocument): { left: string; right: string } => ({
  left: `${product} · Investigator’s Brochure${edition === null ? '' : ` · Edition ${edition}`}`,
  right: `Confidential · ${DRAFT}`,
});
