/**
 * What in an OpenAPI document breaks clients that were written for an earlier one: `breakingChanges(released, present)`.
 *
 * A request may come to take more, an answer may come to have more; nothing that counted may count no longer. Of values that are
 * restricted (enumerations, types, bounds, patterns, formats) a request takes no fewer, and an answer has no others.
 */
/* eslint-disable @typescript-eslint/no-explicit-any -- documents are JSON of any shape */
type Part = Readonly<Record<string, any>>;
type Direction = 'request' | 'answer';
type Side = Readonly<{ document: Part; part: Part }>;

export const RELEASED_FILE = 'docs/openapi.released.json';

/** @returns a sentence for each */
export function breakingChanges(released: Part, present: Part): readonly string[] {
  const found: string[] = [];
  for (const [path, verbs] of Object.entries<Part>(released['paths'])) {
    for (const [verb, was] of Object.entries<Part>(verbs)) {
      const is = present['paths'][path]?.[verb] as Part | undefined;
      const where = `${verb.toUpperCase()} ${path}`;
      if (!is) found.push(`${where} is gone`);
      else found.push(...ofOperation(where, { document: released, part: was }, { document: present, part: is }));
    }
  }
  return [...new Set(found)];
}

function ofOperation(where: string, was: Side, is: Side): readonly string[] {
  const found: string[] = [];
  if (was.part['operationId'] !== is.part['operationId'])
    found.push(`${where}: the operation ${was.part['operationId']} is called ${is.part['operationId']}`);
  found.push(...ofParameters(where, was, is));
  const [bodyWas, bodyIs] = [was.part['requestBody'], is.part['requestBody']];
  if (!bodyWas && bodyIs?.required) found.push(`${where}: a body is required`);
  if (bodyWas && !bodyIs) found.push(`${where}: the body is gone`);
  if (bodyWas && bodyIs) {
    if (bodyIs.required && !bodyWas.required) found.push(`${where}: the body is required`);
    found.push(...ofContent(`${where}: body`, { ...was, part: bodyWas }, { ...is, part: bodyIs }, 'request'));
  }
  for (const [status, response] of Object.entries<Part>(was.part['responses'])) {
    const answer = is.part['responses'][status] as Part | undefined;
    if (!answer) found.push(`${where}: the answer ${status} is gone`);
    else found.push(...ofAnswer(`${where}: ${status}`, { ...was, part: response }, { ...is, part: answer }));
  }
  return found;
}

function ofParameters(where: string, was: Side, is: Side): readonly string[] {
  const [before, now] = [parametersOf(was), parametersOf(is)];
  const found: string[] = [];
  for (const [key, parameter] of before) {
    const present = now.get(key);
    if (!present) found.push(`${where}: the parameter ${key} is gone`);
    else {
      if (present['required'] && !parameter['required']) found.push(`${where}: the parameter ${key} is required`);
      const sides = [
        { ...was, part: parameter['schema'] },
        { ...is, part: present['schema'] },
      ] as const;
      found.push(...ofSchema(`${where}: ${key}`, ...sides, 'request'));
    }
  }
  for (const [key, parameter] of now)
    if (parameter['required'] && !before.has(key)) found.push(`${where}: the parameter ${key} is new and required`);
  return found;
}

const parametersOf = ({ document, part }: Side): ReadonlyMap<string, Part> =>
  new Map(
    ((part['parameters'] ?? []) as readonly Part[])
      .map((each) => resolved({ document, part: each }))
      .map((each) => [`${each['name']} (${each['in']})`, each]),
  );

function ofAnswer(where: string, was: Side, is: Side): readonly string[] {
  const [before, now] = [resolved(was), resolved(is)];
  const gone = Object.keys(before['headers'] ?? {}).filter((name) => !now['headers']?.[name]);
  return [
    ...gone.map((name) => `${where}: the header ${name} is gone`),
    ...ofContent(where, { ...was, part: before }, { ...is, part: now }, 'answer'),
  ];
}

function ofContent(where: string, was: Side, is: Side, direction: Direction): readonly string[] {
  return Object.entries<Part>(was.part['content'] ?? {}).flatMap(([type, { schema }]) => {
    const present = is.part['content']?.[type] as Part | undefined;
    if (!present) return [`${where}: ${type} is gone`];
    return ofSchema(where, { ...was, part: schema }, { ...is, part: present['schema'] }, direction);
  });
}

const RESTRICTIONS = [
  ...['pattern', 'format', 'const', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems'],
  ...['uniqueItems', 'contentMediaType', 'discriminator'],
];

/** Schemas that contain themselves are followed once. */
function ofSchema(
  where: string,
  was: Side,
  is: Side,
  direction: Direction,
  above: readonly Part[] = [],
): readonly string[] {
  const [before, now] = [resolved(was), resolved(is)];
  if (above.includes(before)) return [];
  const deeper = (at: string, a: Part, b: Part) =>
    ofSchema(at, { ...was, part: a }, { ...is, part: b }, direction, [...above, before]);
  const found = [
    ...ofSet(`${where}: type`, setOf(before['type']), setOf(now['type']), direction),
    ...ofSet(`${where}: value`, setOf(before['enum']), setOf(now['enum']), direction),
    ...RESTRICTIONS.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name])).map(
      (name) => `${where}: ${name} was ${JSON.stringify(before[name])} and is ${JSON.stringify(now[name])}`,
    ),
    ...ofMembers(where, before, now, direction, deeper),
  ];
  if (before['items'] || now['items']) found.push(...deeper(`${where}[]`, before['items'] ?? {}, now['items'] ?? {}));
  const [valuesWas, valuesIs] = [before['additionalProperties'], now['additionalProperties']];
  if (typeof valuesWas === 'object' && typeof valuesIs === 'object')
    found.push(...deeper(`${where}.*`, valuesWas, valuesIs));
  else if (direction === 'request' && valuesWas !== false && valuesIs === false)
    found.push(`${where}: no other members are taken`);
  for (const name of ['anyOf', 'oneOf'] as const) {
    const [a, b] = [(before[name] ?? []) as readonly Part[], (now[name] ?? []) as readonly Part[]];
    const isFewer = direction === 'request' ? b.length < a.length : b.length > a.length;
    if (isFewer || (a.length === 0) !== (b.length === 0))
      found.push(`${where}: there are ${b.length} alternatives, there were ${a.length}`);
    else found.push(...a.flatMap((each, at) => (b[at] ? deeper(where, each, b[at]) : [])));
  }
  return found;
}

function ofMembers(
  where: string,
  was: Part,
  is: Part,
  direction: Direction,
  deeper: (at: string, a: Part, b: Part) => readonly string[],
): readonly string[] {
  const [requiredWas, requiredIs] = [setOf(was['required']) ?? new Set(), setOf(is['required']) ?? new Set()];
  const found = Object.entries<Part>(was['properties'] ?? {}).flatMap(([name, member]) => {
    const present = is['properties']?.[name] as Part | undefined;
    return present ? deeper(`${where}.${name}`, member, present) : [`${where}.${name} is gone`];
  });
  if (direction === 'request')
    return [
      ...found,
      ...[...requiredIs].filter((name) => !requiredWas.has(name)).map((name) => `${where}.${String(name)} is required`),
    ];
  return [
    ...found,
    ...[...requiredWas].filter((name) => !requiredIs.has(name)).map((name) => `${where}.${String(name)} may be absent`),
  ];
}

const setOf = (value: unknown): ReadonlySet<unknown> | null => (value === undefined ? null : new Set([value].flat()));

/** A request must take all that it took; an answer must hold nothing that it did not. Null: anything. */
function ofSet(
  what: string,
  was: ReadonlySet<unknown> | null,
  is: ReadonlySet<unknown> | null,
  direction: Direction,
): readonly string[] {
  const [narrow, wide] = direction === 'request' ? [was, is] : [is, was];
  if (wide === null) return [];
  const said = direction === 'request' ? 'is not taken any longer' : 'is new in an answer';
  if (narrow === null) return [`${what}: anything else ${said}`];
  return [...narrow].filter((value) => !wide.has(value)).map((value) => `${what} ${JSON.stringify(value)} ${said}`);
}

const resolved = ({ document, part }: Side): Part => {
  const reference: unknown = part['$ref'];
  if (typeof reference !== 'string') return part;
  const target = reference
    .slice(2)
    .split('/')
    .reduce<any>((found, name) => found?.[name], document);
  return resolved({ document, part: target as Part });
};
