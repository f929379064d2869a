/** A fact as the later steps get it: with its source beside it and the hash of both. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, type Json } from '../../../domain/json.js';
import { orNull, sha256, text } from '../texts.js';
import { factContent, identitySchema, projectLimits, sourceSchema, type ProjectFile } from './schema.js';

// How a fact reads. The writer writes it so, and the validator holds what was written against it.

const NO_BREAK_SPACE = '\u00a0';
type Value = Fact['values'][number];

/** A piece of a phrase; `value` where it is one of the fact's values, without its unit. */
type Piece = Readonly<{ text: string; value: Value | null }>;
export type Phrase = readonly Piece[];

export const plainPiece = (text: string): Piece => ({ text, value: null });

export const textOf = (phrase: Phrase): string => phrase.map(({ text }) => text).join('');

/** What is put between phrases: a table's cells, or sentences. */
export const joined = (phrases: readonly Phrase[], separator: string): Phrase =>
  phrases.flatMap((phrase, index) => (index === 0 ? phrase : [plainPiece(separator), ...phrase]));

/** `6.2 h`, `50 to 60%`. */
export const quantityPhrase = (value: Value): Phrase => {
  const number: Piece = { text: value.value, value };
  if (value.unit === null) return [number];
  return [number, plainPiece(value.unit === '%' ? '%' : `${NO_BREAK_SPACE}${value.unit}`)];
};

/** The cell of a table that holds all of a fact's values. */
export const quantitiesPhrase = ({ values }: Fact): Phrase =>
  joined(
    values.map((value) => [
      ...(value.label === null ? [] : [plainPiece(`${value.label}: `)]),
      ...quantityPhrase(value),
    ]),
    '; ',
  );

/** The sentence of a fact. A fact that has only values reads as `Subject: values.` */
export const sentencePhrase = (fact: Fact): Phrase => {
  if (fact.statement === null) return [plainPiece(`${fact.subject}: `), ...quantitiesPhrase(fact), plainPiece('.')];
  const byName = new Map(fact.values.map((value) => [value.name, value]));
  return fact.statement.split(/(\{[^{}]*\})/).flatMap((part, index) => {
    const value = index % 2 === 1 ? byName.get(part.slice(1, -1)) : undefined;
    return value ? quantityPhrase(value) : [plainPiece(part)];
  });
};

export const quantity = (value: Value): string => textOf(quantityPhrase(value));
export const quantities = (fact: Fact): string => textOf(quantitiesPhrase(fact));
export const sentenceOf = (fact: Fact): string => textOf(sentencePhrase(fact));

const factSchema = z.strictObject({
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
