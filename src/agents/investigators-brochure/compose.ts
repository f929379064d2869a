import { z } from 'zod';
import { documentAgent, issues, Refusal } from './agent.js';
import { BROCHURE } from './ich-e6.js';
import { type Outline, FORMATS, type Format } from './document.js';
import { factsSchema, projectIdentity, type ProjectIdentity } from './project/fact.js';

// What the caller wishes of the document: `metadata.user_preferences` and `metadata.custom_options`.

const schema = z.object({
  user_preferences: z
    .object({ language: z.string().max(40).optional(), format: z.string().max(40).optional() })
    .optional(),
  custom_options: z
    .object({ include_appendices: z.boolean().optional(), allow_empty: z.boolean().optional() })
    .optional(),
});

type Preferences = Readonly<{
  formats: Format[];
  appendices: boolean;
  warnings: string[];
  /** The language that was asked for and cannot be had. */
  otherLanguage: string | null;
}>;

const BOTH = 'both';

const wishes = (metadata: Readonly<Record<string, unknown>>): z.infer<typeof schema> => {
  const { data, error } = schema.safeParse(metadata);
  if (error) throw new Refusal('validation', 'INVALID_INPUT', `metadata is not as expected: ${issues(error)}`);
  return data;
};

/** Whether a draft is wanted even where there is no project, or where it lacks what a brochure needs. */
export const allowsEmpty = (metadata: Readonly<Record<string, unknown>>): boolean =>
  wishes(metadata).custom_options?.allow_empty ?? false;

/** A wish that cannot be granted is no reason to give nothing: the default is taken, with a warning. */
const preferences = (metadata: Readonly<Record<string, unknown>>): Preferences => {
  const data = wishes(metadata);
  const { language = 'en', format = BOTH } = data.user_preferences ?? {};
  const warnings: string[] = [];
  const english = /^en([-_]|$)/i.test(language);
  if (!english)
    warnings.push(
      `user_preferences.language: expected "en", got ${JSON.stringify(language)}; the document is in English.`,
    );
  const one = FORMATS.find((known) => known === format.toLowerCase());
  if (!one && format !== BOTH)
    warnings.push(
      `user_preferences.format: expected "pdf", "docx" or "both", got ${JSON.stringify(format)}; both are written.`,
    );
  return {
    formats: one ? [one] : [...FORMATS],
    appendices: data.custom_options?.include_appendices ?? false,
    warnings,
    otherLanguage: english ? null : language,
  };
};

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
