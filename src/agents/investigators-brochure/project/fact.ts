/** A fact as the later steps get it: with its source beside it and the hash of both. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, type Json } from '../../../domain/json.js';
import { orNull, sha256, text } from '../texts.js';
import { factContent, identitySchema, projectLimits, sourceSchema, type ProjectFile } from './schema.js';

export const factSchema = z.strictObject({
  ...factContent,
  source: sourceSchema.extend({ locator: orNull(text(120)) }),
  sha256,
});
export const factsSchema = z.array(factSchema).max(projectLimits.facts);
export type Fact = z.infer<typeof factSchema>;

/** Who and what the brochure is about. `found: false`: there was no project data, everything else is null. */
export const projectIdentity = identitySchema.extend({
  id: text(128),
  found: z.boolean(),
  origin: z.enum(['metadata', 'file', 'none']),
  /** The only time in the document. Later steps take it from here, so that repeating one of them changes nothing. */
  collected_at: z.iso.datetime(),
});
export type ProjectIdentity = z.infer<typeof projectIdentity>;

export const hashOf = (value: Json): string => createHash('sha256').update(canonicalJson(value)).digest('hex');

export const factHash = ({ sha256: _own, ...content }: Omit<Fact, 'sha256'> & { sha256?: string }): string =>
  hashOf(content);

export const factsHash = (facts: readonly Fact[]): string => hashOf(facts.map(factHash));

/** Each fact with the source that it names. */
export const citedFacts = ({ facts, sources }: ProjectFile): Fact[] => {
  const byId = new Map(sources.map((source) => [source.id, source]));
  return facts.map(({ source, locator, ...content }) => {
    const cited = byId.get(source);
    if (!cited) throw new Error(`Fact ${content.id}: its source ${source} was checked and is gone.`);
    const fact = { ...content, source: { ...cited, locator } };
    return { ...fact, sha256: factHash(fact) };
  });
};

export const productName = ({ product, id }: ProjectIdentity): string => product?.name ?? id;
