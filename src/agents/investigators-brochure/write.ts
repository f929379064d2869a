import { documentAgent } from './agent.js';
import { outlineSchema, type OutlineSection, type Block, type WrittenSection, type BlockOf } from './document.js';
import { factsSchema, productName, projectIdentity, type Fact, type ProjectIdentity } from './project/fact.js';
import { sha256, NO_DATA } from './texts.js';
import { plain, sectionBlocks } from './write/section-blocks.js';

/** The title page, as A.2.1 and 7.2.1 ask for it. A function of the data alone, so that the validator can repeat it. */
export const titleFields = (
  project: ProjectIdentity,
  facts: readonly Fact[],
  factsSha256: string,
): BlockOf<'fields'> => {
  const { product, sponsor, edition } = project;
  const replaced = edition?.replaces;
  const rows: [label: string, value: string | null | undefined][] = [
    ['Investigational product', product?.name ?? project.id],
    ['Research code', product?.research_code],
    ['Chemical name', product?.chemical_name],
    ['Trade names', product?.trade_names.join(', ') || null],
    ['Sponsor', sponsor && [sponsor.name, sponsor.address].filter(Boolean).join(', ')],
    ['Edition', edition?.number],
    ['Release date', edition?.release_date],
    [
      'Replaces edition',
      edition && (replaced ? `${replaced.number} of ${replaced.release_date}` : 'None: first edition'),
    ],
    ['Data cut-off date', edition?.data_cut_off],
    ['Basis', `${facts.length} cited facts, collected ${project.collected_at.slice(0, 10)}`],
    ['Fingerprint of the facts', `SHA-256 ${factsSha256.slice(0, 16)}`],
  ];
  return { kind: 'fields', rows: rows.map(([label, value]) => ({ label, value: value ?? NO_DATA })) };
};

const DEFAULT_STATEMENT =
  'This document is confidential. It is given to the investigator, the investigator’s staff, the ethics committee or review board and the regulatory authorities for the conduct of clinical studies with the product named on the title page, and may not be disclosed to others without the sponsor’s written consent.';

export const confidentialityStatement = ({ confidentiality_statement }: ProjectIdentity): string =>
  confidentiality_statement ?? DEFAULT_STATEMENT;

const needs = { project: projectIdentity, facts: factsSchema, facts_sha256: sha256, outline: outlineSchema };

/** Turns facts into prose and tables. The same facts always give the same words. */
export const write = documentAgent(needs, ({ project, facts, facts_sha256, outline }) => {
  const byId = new Map(facts.map((fact) => [fact.id, fact]));

  const blocks = (section: OutlineSection): Block[] => {
    switch (section.kind) {
      case 'title':
        return [titleFields(project, facts, facts_sha256)];
      case 'statement':
        return [plain(confidentialityStatement(project))];
      case 'contents':
      case 'references':
      case 'fact_register':
      case 'clause_table':
        return [{ kind: 'generated', content: section.kind }];
      case 'body': {
        const own = section.fact_ids.flatMap((id) => byId.get(id) ?? []);
        const hasData = outline.sections.some(
          ({ key, fact_ids }) => fact_ids.length > 0 && (key === section.key || key.startsWith(`${section.key}.`)),
        );
        return sectionBlocks(section, own, productName(project), hasData);
      }
    }
  };

  const sections: WrittenSection[] = outline.sections.map((section) => ({
    key: section.key,
    title: section.title,
    blocks: blocks(section),
  }));
  return { success: true, data: { sections }, metadata: { sections: sections.length, warnings: [] } };
});
