import { z } from 'zod';
import { text } from './texts.js';

export const FORMATS = ['docx', 'pdf'] as const;
export type Format = (typeof FORMATS)[number];
export const formatsSchema = z
  .array(z.enum(FORMATS))
  .min(1)
  .refine((formats) => new Set(formats).size === formats.length, 'expected each format once');

export const outlineSection = z.strictObject({
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
