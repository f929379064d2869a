/** The assembled document: everything is numbered and resolved, nothing is laid out. DOCX and PDF are drawn from it. */
import { z } from 'zod';
import { formatsSchema } from './outline.js';
import { webAddress, words } from './texts.js';

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
