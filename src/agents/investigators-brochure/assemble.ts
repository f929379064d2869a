import { documentAgent, Refusal } from './agent.js';
import { resolveBlocks, type Grid, type Sources } from './assemble/blocks.js';
import { references, type References } from './assemble/references.js';
import {
  type BrochureDocument,
  type DocumentBlockOf,
  type DocumentSection,
  outlineSchema,
  type OutlineSection,
} from './document.js';
import { factsSchema, hashOf, productName, projectIdentity, type Fact } from './project/fact.js';
import { reportSchema } from './report.js';
import { sectionsSchema } from './sections.js';

/** `1`, `5.1`, `Appendix A`; null for front matter. In the order of the outline. */
const numberSections = (sections: readonly OutlineSection[]): Map<string, string | null> => {
  let main = 0;
  let sub = 0;
  let appendix = 0;
  const next = ({ numbering, level }: OutlineSection): string | null => {
    if (numbering === 'front') return null;
    if (numbering === 'letter') return `Appendix ${letters((appendix += 1))}`;
    if (level === 2) return `${main}.${(sub += 1)}`;
    sub = 0;
    return `${(main += 1)}`;
  };
  return new Map(sections.map((section) => [section.key, next(section)]));
};

/** A ... Z, AA ... */
const letters = (index: number): string =>
  index > 26
    ? letters(Math.floor((index - 1) / 26)) + letters(((index - 1) % 26) + 1)
    : String.fromCharCode(64 + index);

type Numbers = ReadonlyMap<string, string | null>;

/** Every fact with its source and the hash by which it can be found again in the event log. */
const factRegister = (facts: readonly Fact[], numbers: Numbers, { numberOf }: References): Grid => ({
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

const clauseTable = (sections: readonly OutlineSection[], numbers: Numbers): Grid => ({
  caption: 'Sections of this document and the clauses of ICH E6 that ask for them',
  columns: ['Number', 'Section', 'ICH E6(R3), Appendix A', 'ICH E6(R2), section 7'],
  widths: [16, 44, 20, 20],
  rows: sections.map(({ key, title, e6r3, e6r2 }) => [numbers.get(key) ?? '–', title, e6r3, e6r2]),
});

const needs = {
  project: projectIdentity,
  facts: factsSchema,
  outline: outlineSchema,
  sections: sectionsSchema,
  validation_report: reportSchema,
};

/** Numbers sections, tables and references, and puts the document together. */
export const assemble = documentAgent(needs, ({ project, facts, outline, sections, validation_report }) => {
  if (hashOf(sections) !== validation_report.sections_sha256)
    throw new Refusal(
      'validation',
      'SECTIONS_CHANGED',
      'The sections are not those that were validated: validate them again before they are assembled.',
    );
  const numbers = numberSections(outline.sections);
  const cited = references(facts, sections);
  const tables: BrochureDocument['tables'] = [];
  const sources: Sources = {
    references: cited,
    numbered: (grid): DocumentBlockOf<'table'> => {
      const number = tables.length + 1;
      tables.push({ number, caption: grid.caption });
      return { kind: 'table', number, ...grid };
    },
    grid: (content) =>
      content === 'fact_register' ? factRegister(facts, numbers, cited) : clauseTable(outline.sections, numbers),
  };
  const written = new Map(sections.map(({ key, blocks }) => [key, blocks]));
  const document: BrochureDocument = {
    project_id: project.id,
    title: outline.title,
    product: productName(project),
    sponsor: project.sponsor?.name ?? null,
    edition: project.edition?.number ?? null,
    language: outline.language,
    formats: outline.formats,
    created_at: project.collected_at,
    notes: outline.notes,
    sections: outline.sections.map(({ key, title, level, kind, e6r3, e6r2 }): DocumentSection => ({
      key,
      number: numbers.get(key) ?? null,
      title,
      level,
      kind,
      clauses: `ICH E6(R3) ${e6r3} · E6(R2) ${e6r2}`,
      blocks: resolveBlocks(written.get(key) ?? [], sources),
    })),
    tables,
  };
  return {
    success: true,
    data: { document },
    metadata: {
      sections: document.sections.length,
      tables: tables.length,
      references: cited.list.items.length,
      warnings: [],
    },
  };
});
