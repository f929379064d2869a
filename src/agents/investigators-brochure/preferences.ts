/** What the caller wishes of the document: `metadata.user_preferences` and `metadata.custom_options`. */
import { z } from 'zod';
import { FORMATS, type Format } from './outline.js';
import { issues, Refusal } from './refusal.js';

const schema = z.object({
  user_preferences: z
    .object({ language: z.string().max(40).optional(), format: z.string().max(40).optional() })
    .optional(),
  custom_options: z
    .object({ include_appendices: z.boolean().optional(), allow_empty: z.boolean().optional() })
    .optional(),
});

export type Preferences = Readonly<{
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
export const preferences = (metadata: Readonly<Record<string, unknown>>): Preferences => {
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
