import type { OutlineSection } from '../outline.js';
import type { Fact } from '../project/fact.js';
import type { References } from './references.js';

export type Grid = Readonly<{ caption: string; columns: string[]; widths: number[]; rows: string[][] }>;
export type Numbers = ReadonlyMap<string, string | null>;

/** Every fact with its source and the hash by which it can be found again in the event log. */
export const factRegister = (facts: readonly Fact[], numbers: Numbers, { numberOf }: References): Grid => ({
  caption: 'Facts cited in this document',
  columns: ['Fact', 'Section', 'Subject', 'Source', 'SHA-256 (first 16 digits)'],
  widths: [12, 9, 40, 17, 22],
  rows: facts.map((fact) => [
    fact.id,
    numbers.get(fact.section) ?? '–',
    fact.subject,
    `[${numberOf(fact)}]${fact.source.locator === null ? '' : ` ${fact.source.locator}`}`,
    fact.sha256.slice(0, 16),
  ]),
});

export const clauseTable = (sections: readonly OutlineSection[], numbers: Numbers): Grid => ({
  caption: 'Sections of this document and the clauses of ICH E6 that ask for them',
  columns: ['Number', 'Section', 'ICH E6(R3), Appendix A', 'ICH E6(R2), section 7'],
  widths: [16, 44, 20, 20],
  rows: sections.map(({ key, title, e6r3, e6r2 }) => [numbers.get(key) ?? '–', title, e6r3, e6r2]),
});
