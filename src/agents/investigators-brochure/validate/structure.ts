import { BROCHURE } from '../ich-e6.js';
import type { Outline, WrittenSection } from '../document.js';

type Named = Readonly<{ key: string; title: string; clauses: string }>;

/** What ICH E6 asks for, whatever the outline says, and what the outline asks for beyond it. */
const required = ({ sections }: Outline): Named[] => {
  const named = new Map<string, Named>();
  for (const { key, title, required: needed, e6r3, e6r2 } of [...BROCHURE, ...sections])
    if (needed || sections.some((section) => section.key === key))
      named.set(key, named.get(key) ?? { key, title, clauses: `E6(R3) ${e6r3}, E6(R2) ${e6r2}` });
  return [...named.values()];
};

/** Is everything there, once, in its order, under its title? */
export const checkStructure = (outline: Outline, sections: readonly WrittenSection[]): Problem[] => {
  const written = new Map(sections.map((section) => [section.key, section]));
  const outlined = new Map(outline.sections.map((section, index) => [section.key, { ...section, index }]));
  const problems: Problem[] = [];
  const say = (code: Problem['code'], section: string, message: string) => problems.push({ code, section, message });

  for (const { key, title, clauses } of required(outline)) {
    const place = outlined.has(key) ? 'was not written' : 'is not in the outline';
    if (!written.has(key) || !outlined.has(key))
      say('section_missing', key, `required section "${title}" (${key}; ${clauses}) ${place}`);
  }
  let latest = -1;
  const seen = new Set<string>();
  for (const { key, title, blocks } of sections) {
    const planned = outlined.get(key);
    if (seen.has(key)) say('section_repeated', key, `section "${title}" (${key}) is there twice`);
    seen.add(key);
    if (!planned) {
      say('section_unknown', key, `section "${title}" (${key}) is not in the outline`);
      continue;
    }
    if (blocks.length === 0) say('section_empty', key, `section "${planned.title}" (${key}) is empty`);
    if (title !== planned.title)
      say('wrong_title', key, `section ${key} is called "${title}" instead of "${planned.title}"`);
    if (planned.index < latest) say('section_order', key, `section "${title}" (${key}) stands too late`);
    latest = Math.max(latest, planned.index);
  }
  return problems;
};

export type ProblemCode =
  | 'section_missing'
  | 'section_empty'
  | 'section_order'
  | 'section_unknown'
  | 'section_repeated'
  | 'wrong_title'
  | 'wrong_field'
  | 'citation_unresolved'
  | 'number_uncited'
  | 'number_wrong'
  | 'unit_wrong'
  | 'fact_not_cited'
  | 'facts_changed';

/** `section` is a key of the outline; null where the problem is not in one section. */
export type Problem = Readonly<{ code: ProblemCode; section: string | null; message: string }>;
