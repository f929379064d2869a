/** JSON Schemas of answers, each with a description and an example. The examples of objects are made of those of their members. */

export type Schema = Readonly<Record<string, unknown>>;

const valued = (type: string, description: string, example: unknown, more: Schema = {}): Schema => ({
  type,
  description,
  ...more,
  examples: [example],
});

export const EXECUTION_ID = '0198f2d4-6c1e-7a30-9b57-3f1c8a2d4e60';
export const STEP_ID = '0198f2d4-7b02-7c11-8d24-5a90c7e1b3f8';

export const text = (description: string, example: string, more?: Schema): Schema =>
  valued('string', description, example, more);
export const uuid = (description: string, example: string = EXECUTION_ID): Schema =>
  text(description, example, { format: 'uuid' });
export const time = (description: string, example = '2026-01-31T12:00:00.000Z'): Schema =>
  text(description, example, { format: 'date-time' });
/** Revisions and positions: they may exceed a double. */
export const revision = (description: string, example = '12'): Schema =>
  text(description, example, { pattern: '^\\d+$' });
export const hash = (description: string): Schema =>
  text(description, '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', { pattern: '^[0-9a-f]{64}$' });
export const integer = (description: string, example: number, more: Schema = { minimum: 0 }): Schema =>
  valued('integer', description, example, more);
export const number = (description: string, example: number, more: Schema = { minimum: 0 }): Schema =>
  valued('number', description, example, more);
export const flag = (description: string, example = true): Schema => valued('boolean', description, example);
export const choice = (description: string, values: readonly string[], example = values[0]): Schema =>
  valued('string', description, example, { enum: values });
export const constant = (description: string, value: boolean | string): Schema =>
  valued(typeof value, description, value, { const: value });
/** Whatever JSON there is. */
export const anything = (description: string, example: unknown): Schema => ({ description, examples: [example] });
/** An object with members of the caller's own. */
export const open = (description: string, example: Schema): Schema =>
  valued('object', description, example, { additionalProperties: true });
export const list = (description: string, items: Schema, more: Schema = {}): Schema => ({
  ...{ type: 'array', description, ...more, items },
});
export const dictionary = (description: string, values: Schema, example: Schema): Schema => ({
  ...{ type: 'object', description, additionalProperties: values, examples: [example] },
});

/** @param optional members that an answer may lack; all others are in every answer */
export const object = (
  description: string,
  properties: Readonly<Record<string, Schema>>,
  optional: Readonly<Record<string, Schema>> = {},
): Schema => ({
  type: 'object',
  description,
  properties: { ...properties, ...optional },
  ...(Object.keys(properties).length > 0 && { required: Object.keys(properties) }),
});

const REFERENCE = '#/components/schemas/';
export const ref = (name: string, description?: string): Schema => ({
  ...{ $ref: REFERENCE + name, ...(description !== undefined && { description }) },
});

export const nullable = (schema: Schema): Schema => {
  if (typeof schema['type'] !== 'string') return { description: schema['description'], anyOf: [schema, NULL] };
  const { enum: values } = schema;
  return {
    ...schema,
    type: [schema['type'], 'null'],
    ...(Array.isArray(values) && { enum: [...(values as readonly unknown[]), null] }),
  };
};
const NULL: Schema = { type: 'null' };

/** `{success: true, data}` */
export const envelope = (data: Schema): Schema => ({
  type: 'object',
  properties: { success: constant('The request was answered as it asks.', true), data },
  required: ['success', 'data'],
});

/** The body of an answer that succeeded. */
export const json = (data: Schema) => ({ 'application/json': envelope(data) });

export type Schemas = Readonly<Record<string, Schema>>;

/** Made of the examples within. Members that an answer may lack are left out. @throws where a value has none */
export const exampleOf = (schema: Schema, named: Schemas): unknown => {
  const { $ref, examples, type, properties, required, items, anyOf, oneOf, const: only } = schema as Part;
  if (examples) return examples[0];
  if (only !== undefined) return only;
  if ($ref !== undefined) return exampleOf(named[$ref.slice(REFERENCE.length)] ?? missing($ref), named);
  const alternative = (anyOf ?? oneOf)?.[0];
  if (alternative) return exampleOf(alternative, named);
  if (items && [type].flat().includes('array')) return [exampleOf(items, named)];
  if (!properties) return missing(JSON.stringify(schema));
  return Object.fromEntries((required ?? []).map((name) => [name, exampleOf(properties[name] ?? {}, named)]));
};

type Part = Partial<
  Readonly<{
    $ref: string;
    examples: readonly unknown[];
    type: string | readonly string[];
    properties: Schemas;
    required: readonly string[];
    items: Schema;
    anyOf: readonly Schema[];
    oneOf: readonly Schema[];
    const: unknown;
  }>
>;

const missing = (what: string): never => {
  throw new Error(`expected an example or a schema of that name for ${what}; got none`);
};
