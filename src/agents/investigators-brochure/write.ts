import { documentAgent } from './agent.js';
import { outlineSchema, type OutlineSection } from './outline.js';
import { factsSchema, productName, projectIdentity } from './project/fact.js';
import type { Block, WrittenSection } from './sections.js';
import { sha256 } from './texts.js';
import { plain, sectionBlocks } from './write/section-blocks.js';
import { confidentialityStatement, titleFields } from './write/title-fields.js';

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
