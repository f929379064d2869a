/** The format of a project: what a file of the projects directory, or `metadata.project`, holds. */
import { z } from 'zod';
import { FACT_SECTIONS } from '../ich-e6.js';
import { date, orNull, text, webAddress } from '../texts.js';

// What a schema cannot say about one field at a time.

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
const checkFact = (fact: FactLike, context: Context): void => {
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

const checkReferences = ({ sources, facts }: ProjectLike, context: Context): void => {
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

const PROJECT_FORMAT = 'investigators-brochure/1';

export const projectLimits = { facts: 2000, sources: 500, valuesPerFact: 20, tradeNames: 20 } as const;

const id = z.string().regex(/^[A-Za-z][A-Za-z0-9._-]{0,39}$/, 'expected a letter and up to 39 letters, digits, . _ -');

export const sourceSchema = z.strictObject({
  id,
  title: text(300),
  publisher: text(200),
  identifier: orNull(text(200)),
  url: orNull(webAddress),
  date,
});

const valueSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, 'expected a lower case name of letters, digits, _'),
  label: orNull(text(80)),
  value: z.union([z.number().transform(String), text(120)], { error: 'expected a number or a text' }),
  unit: orNull(text(30)),
});

/** What a fact says, apart from where it comes from. */
export const factContent = {
  id,
  section: z.enum(FACT_SECTIONS, { error: `expected one of ${FACT_SECTIONS.join(', ')}` }),
  topic: orNull(text(120)),
  subject: text(200),
  statement: orNull(text(1500)),
  values: z.array(valueSchema).max(projectLimits.valuesPerFact).default([]),
  table: orNull(text(200)),
  key: z.boolean().default(false),
};

const fact = z
  .strictObject({ ...factContent, source: id, locator: orNull(text(120)) })
  .superRefine((value, context) => checkFact(value, context));

const edition = z.strictObject({
  number: z.union([z.number().int().min(0).transform(String), text(20)]),
  release_date: date,
  data_cut_off: orNull(date),
  replaces: orNull(
    z.strictObject({ number: z.union([z.number().int().min(0).transform(String), text(20)]), release_date: date }),
  ),
});

const product = z.strictObject({
  name: text(120),
  research_code: orNull(text(60)),
  chemical_name: orNull(text(300)),
  trade_names: z.array(text(80)).max(projectLimits.tradeNames).default([]),
});

const sponsor = z.strictObject({ name: text(160), address: orNull(text(300)), fictitious: z.boolean().default(false) });

export const identitySchema = z.strictObject({
  product: orNull(product),
  sponsor: orNull(sponsor),
  edition: orNull(edition),
  notice: orNull(text(600)),
  confidentiality_statement: orNull(text(3000)),
});

export const projectSchema = z
  .strictObject({
    format: z.literal(PROJECT_FORMAT),
    product,
    sponsor: identitySchema.shape.sponsor,
    edition: identitySchema.shape.edition,
    notice: identitySchema.shape.notice,
    confidentiality_statement: identitySchema.shape.confidentiality_statement,
    sources: z.array(sourceSchema).max(projectLimits.sources).default([]),
    facts: z.array(fact).max(projectLimits.facts).default([]),
  })
  .superRefine((value, context) => checkReferences(value, context));

export type ProjectFile = z.infer<typeof projectSchema>;
