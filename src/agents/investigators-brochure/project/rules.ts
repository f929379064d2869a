/** What a schema cannot say about one field at a time. */
import type { z } from 'zod';

type Context = Pick<z.core.$RefinementCtx, 'addIssue'>;

type FactLike = Readonly<{
  statement: string | null;
  table: string | null;
  values: readonly Readonly<{ name: string }>[];
}>;

const PLACEHOLDER = /\{([^{}]*)\}/g;

const say = (context: Context, path: PropertyKey[], message: string): void =>
  context.addIssue({ code: 'custom', path, message });

/** Nothing that a fact holds may be lost, and nothing may be asked for that it does not hold. */
export const checkFact = (fact: FactLike, context: Context): void => {
  const names = fact.values.map(({ name }) => name);
  const asked = [...(fact.statement ?? '').matchAll(PLACEHOLDER)].map(([, name]) => name ?? '');
  if (fact.statement === null && fact.values.length === 0)
    say(context, ['statement'], 'expected a statement, or values for a table');
  if (fact.table !== null && fact.values.length === 0)
    say(context, ['values'], 'expected at least one value, as the fact is a row of a table');
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) < index) say(context, ['values', index, 'name'], `"${name}" is there twice`);
    if (fact.statement !== null && fact.table === null && !asked.includes(name))
      say(context, ['values', index], `"${name}" is neither in the statement, as {${name}}, nor in a table`);
  }
  for (const name of asked)
    if (!names.includes(name))
      say(context, ['statement'], `{${name}} is none of its values: ${names.join(', ') || 'it has none'}`);
};

type ProjectLike = Readonly<{
  sources: readonly Readonly<{ id: string; identifier: string | null; url: string | null }>[];
  facts: readonly Readonly<{ id: string; source: string }>[];
}>;

export const checkReferences = ({ sources, facts }: ProjectLike, context: Context): void => {
  const known = new Set<string>();
  for (const [index, { id, identifier, url }] of sources.entries()) {
    if (known.has(id)) say(context, ['sources', index, 'id'], `"${id}" is there twice`);
    if (identifier === null && url === null) say(context, ['sources', index], 'expected an identifier or a url');
    known.add(id);
  }
  const seen = new Set<string>();
  for (const [index, { id, source }] of facts.entries()) {
    if (seen.has(id)) say(context, ['facts', index, 'id'], `"${id}" is there twice`);
    if (!known.has(source)) say(context, ['facts', index, 'source'], `"${source}" is not in sources`);
    seen.add(id);
  }
};
