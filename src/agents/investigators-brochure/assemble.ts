import { documentAgent } from './agent.js';
import { clauseTable, factRegister } from './assemble/appendices.js';
import { resolveBlocks, type Sources } from './assemble/blocks.js';
import { numberSections } from './assemble/numbering.js';
import { references } from './assemble/references.js';
import type { BrochureDocument, DocumentBlockOf, DocumentSection } from './document.js';
import { outlineSchema } from './outline.js';
import { factsSchema, hashOf, productName, projectIdentity } from './project/fact.js';
import { Refusal } from './refusal.js';
import { reportSchema } from './report.js';
import { sectionsSchema } from './sections.js';

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
