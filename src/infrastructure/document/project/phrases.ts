/** How a fact reads. The writer writes it so, and the validator holds what was written against it. */
import type { Fact } from './fact.js';

const NO_BREAK_SPACE = '\u00a0';
type Value = Fact['values'][number];

/** `6.2 h`, `50 to 60%`. */
export const quantity = ({ value, unit }: Value): string => {
  if (unit === null) return value;
  return unit === '%' ? `${value}%` : `${value}${NO_BREAK_SPACE}${unit}`;
};

/** The cell of a table that holds all of a fact's values. */
export const quantities = ({ values }: Fact): string =>
  values.map((value) => (value.label === null ? quantity(value) : `${value.label}: ${quantity(value)}`)).join('; ');

/** The sentence of a fact. A fact that has only values reads as `Subject: values.` */
export const sentenceOf = (fact: Fact): string => {
  if (fact.statement === null) return `${fact.subject}: ${quantities(fact)}.`;
  const byName = new Map(fact.values.map((value) => [value.name, value]));
  return fact.statement.replace(/\{([^{}]*)\}/g, (placeholder, name: string) => {
    const value = byName.get(name);
    return value ? quantity(value) : placeholder;
  });
};
