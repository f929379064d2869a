import type { Fact } from '../project/fact.js';
import { quantities, quantity } from '../project/phrases.js';
import type { BlockOf } from '../sections.js';

/**
 * One row for each fact. Facts whose values have the same labels get a column for each label; others have all their
 * values in one cell.
 */
export const factTable = (caption: string, facts: readonly Fact[]): BlockOf<'table'> => {
  const labels = commonLabels(facts);
  return {
    kind: 'table',
    caption,
    columns: ['Parameter', ...(labels ?? ['Value'])],
    rows: facts.map((fact) => ({
      cells: [fact.subject, ...(labels ? fact.values.map(quantity) : [quantities(fact)])],
      facts: [fact.id],
    })),
  };
};

const MOST_LABELS = 5;

const commonLabels = (facts: readonly Fact[]): string[] | null => {
  const [first, ...others] = facts.map(({ values }) => values.map(({ label }) => label));
  const labels = (first ?? []).filter((label) => label !== null);
  if (!first || labels.length < first.length || labels.length > MOST_LABELS) return null;
  return others.every((other) => other.length === first.length && other.every((label, i) => label === first[i]))
    ? labels
    : null;
};
