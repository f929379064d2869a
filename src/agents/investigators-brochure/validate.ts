import { isDeepStrictEqual } from 'node:util';
import { documentAgent, listed, Refusal } from './agent.js';
import { BROCHURE } from './ich-e6.js';
import { outlineSchema, type ValidationReport, sectionsSchema, type WrittenSection } from './document.js';
import { factHash, factsHash, factsSchema, hashOf, productName, projectIdentity, type Fact } from './project/fact.js';
import { sha256 } from './texts.js';
import { checkBlock, type Checked } from './validate/blocks.js';
import { type Problem, checkStructure } from './validate/structure.js';
import { leadOf } from './write/section-blocks.js';
import { confidentialityStatement, titleFields } from './write.js';

const needs = {
  project: projectIdentity,
  facts: factsSchema,
  facts_sha256: sha256,
  outline: outlineSchema,
  sections: sectionsSchema,
};

/** Holds what was written against the outline and the facts. What is wrong is listed in the error, all of it at once. */
export const validate = documentAgent(needs, ({ project, facts, facts_sha256, outline, sections }) => {
  const byId = new Map(facts.map((fact) => [fact.id, fact]));
  const outlined = new Map(outline.sections.map((section) => [section.key, section]));
  const names = [productName(project), project.product?.research_code ?? ''].filter(isNumberedName);
  const titles = BROCHURE.map(({ title }) => title);
  const checked: Checked = {
    problems: [...factProblems(facts, facts_sha256), ...checkStructure(outline, sections)],
    cited: new Set(),
    sentences: 0,
    uncitedSentences: 0,
    rows: 0,
    numbers: 0,
  };
  for (const { key, blocks } of sections) {
    const topics = facts.flatMap(({ section, topic }) => (section === key && topic !== null ? [topic] : []));
    const planned = outlined.get(key);
    const lead = planned ? leadOf(planned, productName(project)) : null;
    const given = planned?.kind === 'statement' ? confidentialityStatement(project) : (lead ?? '');
    const scope = { section: key, facts: byId, names, given, headings: [...topics, ...titles] };
    for (const block of blocks) checkBlock(block, scope, checked);
    if (planned?.kind === 'title' && !isDeepStrictEqual(blocks, [titleFields(project, facts, facts_sha256)]))
      checked.problems.push({
        code: 'wrong_field',
        section: key,
        message: `${key}: its fields are not those of the project`,
      });
  }
  const problems = [...checked.problems, ...notCited(facts, sections)];
  if (problems.length > 0) throw new Refusal('validation', errorCode(problems), message(problems));

  const validation_report: ValidationReport = {
    valid: true,
    facts_sha256,
    sections_sha256: hashOf(sections),
    checked: {
      sections: sections.length,
      sentences: checked.sentences,
      sentences_without_citation: checked.uncitedSentences,
      table_rows: checked.rows,
      facts_cited: checked.cited.size,
      numbers: checked.numbers,
    },
    sections_without_data: outline.sections
      .filter(({ kind, fact_ids, key }) => kind === 'body' && fact_ids.length === 0 && !hasChildren(key))
      .map(({ key }) => key),
  };
  return { success: true, data: { validation_report }, metadata: { warnings: [] } };
});

/** A number in the product's own name is no datum. */
const isNumberedName = (name: string): boolean => /\p{L}/u.test(name) && /\p{N}/u.test(name);

const hasChildren = (key: string): boolean => BROCHURE.some((section) => section.key.startsWith(`${key}.`));

const factProblems = (facts: readonly Fact[], expected: string): Problem[] => {
  const changed = facts.filter((fact) => factHash(fact) !== fact.sha256).map(({ id }) => id);
  const problem = (message: string): Problem => ({ code: 'facts_changed', section: null, message });
  if (changed.length > 0) return [problem(`facts ${changed.join(', ')} are not what their hashes say`)];
  return factsHash(facts) === expected ? [] : [problem('the facts are not those that "facts_sha256" stands for')];
};

/** A fact belongs into its own section, wherever else it is cited too. */
const notCited = (facts: readonly Fact[], sections: readonly WrittenSection[]): Problem[] => {
  const cited = new Map(
    sections.map(({ key, blocks }) => {
      const ids = blocks.flatMap((block) => {
        if (block.kind === 'paragraph') return block.sentences.flatMap((sentence) => sentence.facts);
        return block.kind === 'table' ? block.rows.flatMap((row) => row.facts) : [];
      });
      return [key, new Set(ids)];
    }),
  );
  return facts
    .filter(({ id, section }) => cited.has(section) && !cited.get(section)?.has(id))
    .map(({ id, section }) => ({ code: 'fact_not_cited', section, message: `${section}: fact ${id} is not cited` }));
};

const errorCode = (problems: readonly Problem[]): string =>
  problems.some(({ code }) => code === 'section_missing') ? 'SECTION_MISSING' : 'DOCUMENT_INVALID';

/** What is missing comes first. */
const message = (problems: readonly Problem[]): string => {
  const missing = problems.filter(({ code }) => code === 'section_missing');
  const others = problems.filter(({ code }) => code !== 'section_missing');
  return `The document is not valid: ${listed([...missing, ...others].map(({ code, message: text }) => `${code}: ${text}`))}`;
};
