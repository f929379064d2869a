import { z } from 'zod';
import { sha256 } from './texts.js';

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
