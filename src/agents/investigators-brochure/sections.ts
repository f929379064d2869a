/** What the writer leaves: each section as blocks of text whose every sentence and row names the facts it rests on. */
import { z } from 'zod';
import { text, words } from './texts.js';

const facts = z.array(z.string().max(40)).max(2000);

const sentence = z.strictObject({ text: text(8000), facts });
const row = z.strictObject({ cells: z.array(words(8000)).min(1).max(12), facts });

const block = z.discriminatedUnion('kind', [
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
  blocks: z.array(block).max(2000),
});
export const sectionsSchema = z.array(writtenSection).max(200);

export type Block = z.infer<typeof block>;
export type BlockOf<K extends Block['kind']> = Extract<Block, { kind: K }>;
export type WrittenSection = z.infer<typeof writtenSection>;
