import { BROCHURE } from '../ich-e6.js';
import type { OutlineSection, Block, BlockOf } from '../document.js';
import { type Fact, sentenceOf, quantities, quantity } from '../project/fact.js';
import { NO_DATA } from '../texts.js';

/**
 * One row for each fact. Facts whose values have the same labels get a column for each label; others have all their
 * values in one cell.
 */
const factTable = (caption: string, facts: readonly Fact[]): BlockOf<'table'> => {
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

/** A sentence that rests on no fact. It must hold no number. */
export const plain = (text: string): BlockOf<'paragraph'> => ({ kind: 'paragraph', sentences: [{ text, facts: [] }] });

/** The sentence that opens a section. It cites nothing: all that it may hold of the project is the product's name. */
export const leadOf = ({ lead }: Pick<OutlineSection, 'lead'>, product: string): string | null =>
  lead?.replaceAll('{product}', () => product) ?? null;

/** @param hasData whether the section, or one below it, has facts */
export const sectionBlocks = (
  section: OutlineSection,
  facts: readonly Fact[],
  product: string,
  hasData: boolean,
): Block[] => {
  if (!hasData) return [plain(`${NO_DATA}.`)];
  const opening = leadOf(section, product);
  const lead = opening === null ? [] : [plain(opening)];
  const groups = section.key === 'summary' ? bySection(facts) : byTopic(facts);
  const blocks = [...groups].flatMap(([heading, group]) => [
    ...(heading === '' ? [] : [{ kind: 'subheading' as const, text: heading }]),
    ...(section.key === 'summary' ? [paragraph(group)] : prose(group)),
    ...(section.key === 'summary' ? [] : tables(group, facts)),
  ]);
  return [...lead, ...blocks];
};

const byTopic = (facts: readonly Fact[]): Map<string, Fact[]> => grouped(facts, ({ topic }) => topic ?? '');

/** The summary follows the order of the brochure: a heading for each of its main sections. */
const bySection = (facts: readonly Fact[]): Map<string, Fact[]> => {
  const mainTitle = ({ section }: Fact): string => {
    const [main] = section.split('.');
    return main === 'summary' ? '' : (BROCHURE.find(({ key }) => key === main)?.title ?? '');
  };
  const order = new Map(BROCHURE.map(({ key }, index) => [key, index]));
  return grouped(
    [...facts].sort((a, b) => (order.get(a.section) ?? 0) - (order.get(b.section) ?? 0)),
    mainTitle,
  );
};

const grouped = (facts: readonly Fact[], heading: (fact: Fact) => string): Map<string, Fact[]> => {
  // What has no heading comes first, or it would read as part of the heading before it.
  const groups = new Map<string, Fact[]>(facts.some((fact) => heading(fact) === '') ? [['', []]] : []);
  for (const fact of facts) groups.set(heading(fact), [...(groups.get(heading(fact)) ?? []), fact]);
  return groups;
};

const paragraph = (facts: readonly Fact[]): BlockOf<'paragraph'> => ({
  kind: 'paragraph',
  sentences: facts.map((fact) => ({ text: sentenceOf(fact), facts: [fact.id] })),
});

const prose = (facts: readonly Fact[]): BlockOf<'paragraph'>[] => {
  const inProse = facts.filter(({ statement, table }) => statement !== null || table === null);
  return inProse.length === 0 ? [] : [paragraph(inProse)];
};

/** A table stands where the first of its facts does. */
const tables = (group: readonly Fact[], ofSection: readonly Fact[]): BlockOf<'table'>[] => {
  const captions = new Set(group.flatMap(({ table }) => (table === null ? [] : [table])));
  return [...captions].flatMap((caption) => {
    const rows = ofSection.filter(({ table }) => table === caption);
    return rows[0] && group.includes(rows[0]) ? [factTable(caption, rows)] : [];
  });
};
