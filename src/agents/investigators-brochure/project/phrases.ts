/** How a fact reads. The writer writes it so, and the validator holds what was written against it. */
import type { Fact } from './fact.js';

const NO_BREAK_SPACE = '\u00a0';
type Value = Fact['values'][number];

/** A piece of a phrase; `value` where it is one of the fact's values, without its unit. */
export type Piece = Readonly<{ text: string; value: Value | null }>;
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
