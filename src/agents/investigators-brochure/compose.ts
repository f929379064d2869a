import { documentAgent } from './agent.js';
import { BROCHURE } from './ich-e6.js';
import type { Outline } from './outline.js';
import { preferences } from './preferences.js';
import { factsSchema, projectIdentity, type ProjectIdentity } from './project/fact.js';

/** Lays out the brochure: the sections that ICH E6 asks for, and which facts belong to which. */
export const compose = documentAgent(
  { project: projectIdentity, facts: factsSchema },
  ({ project, facts }, { metadata }) => {
    const { formats, appendices, warnings, otherLanguage } = preferences(metadata);
    const outline: Outline = {
      title: 'Investigator’s Brochure',
      language: 'en',
      formats,
      notes: notes(project, facts.length, otherLanguage),
      sections: BROCHURE.filter(({ required }) => required || appendices).map((section) => ({
        ...section,
        fact_ids: facts
          .filter((fact) => fact.section === section.key || (section.key === 'summary' && fact.key))
          .map(({ id }) => id),
      })),
    };
    const empty = outline.sections.filter(({ kind, fact_ids }) => kind === 'body' && fact_ids.length === 0);
    return {
      success: true,
      data: { outline },
      metadata: { sections: outline.sections.length, sections_without_facts: empty.map(({ key }) => key), warnings },
    };
  },
);

const notes = (project: ProjectIdentity, facts: number, otherLanguage: string | null): string[] => [
  ...(project.found
    ? []
    : [`No project data was found for project “${project.id}”. This draft is an outline without data.`]),
  ...(project.found && facts === 0 ? ['The project has no facts. This draft is an outline without data.'] : []),
  ...(project.notice === null ? [] : [project.notice]),
  ...(project.sponsor?.fictitious ? ['The sponsor named on this page is fictitious.'] : []),
  ...(otherLanguage === null ? [] : ['The language asked for is not available; this document is in English.']),
];
