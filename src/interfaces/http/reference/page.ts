/** The OpenAPI document as one page of HTML, for people. It needs no script and no other file. */

type Node = Readonly<Record<string, unknown>>;
type Named = Readonly<Record<string, Node>>;
export type OpenApi = Readonly<{
  info: Readonly<{ title: string; version: string; description: string }>;
  servers?: readonly Node[];
  tags: readonly Readonly<{ name: string; description: string }>[];
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  components: Readonly<{ schemas: Named; responses: Named; parameters: Named; headers: Named; securitySchemes: Named }>;
}>;
type Operation = Readonly<{
  operationId: string;
  tags: readonly string[];
  summary: string;
  description?: string;
  security: readonly Node[];
  parameters: readonly Node[];
  requestBody?: Readonly<{ content: Named }>;
  responses: Named;
}>;

export const PAGE_STYLE = `
:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}
body{max-width:62rem;margin:0 auto;padding:1rem}
code,pre{font:13px/1.45 ui-monospace,monospace}
pre{overflow:auto;padding:.6rem;border:1px solid #8884;border-radius:4px}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0;border-top:1px solid #8883}
details{margin:.4rem 0;padding:.3rem .6rem;border:1px solid #8884;border-radius:4px}
summary{cursor:pointer}
.method{display:inline-block;min-width:4.2rem;font-weight:600}
.quiet{opacity:.75}
nav ul{columns:2;padding-left:1rem}
`;

/** @param root the way from the page to the root of the API */
export const pageOf = (document: OpenApi, root: string): string => {
  const { info, tags, components } = document;
  const operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({ path, verb, operation })),
  );
  const sections = tags.map(({ name, description }) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(name));
    const rows = own.map(({ path, verb, operation }) => operationPart(path, verb, operation, components)).join('');
    return `<section><h2 id="${slug(name)}">${text(name)}</h2><p>${prose(description)}</p>${rows}</section>`;
  });
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<details id="schema-${name}"><summary><code>${name}</code> <span class="quiet">${prose(schema['description'])}</span></summary>${members(schema)}</details>`,
  );
  const schemes = Object.entries(components.securitySchemes).map(
    ([name, { description }]) => `<tr><td><code>${name}</code></td><td>${prose(description)}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${text(info.title)}: reference</title><style>${PAGE_STYLE}</style></head><body>
<h1>${text(info.title)} <span class="quiet">${text(info.version)}</span></h1>
<p>${prose(info.description)}</p>
<p>For programs: <a href="${root}openapi.json">openapi.json</a></p>
<nav><ul>${tags.map(({ name }) => `<li><a href="#${slug(name)}">${text(name)}</a></li>`).join('')}
<li><a href="#credentials">Credentials</a></li><li><a href="#errors">Errors</a></li><li><a href="#schemas">Schemas</a></li></ul></nav>
${sections.join('')}
<section><h2 id="credentials">Credentials</h2><table>${schemes.join('')}</table></section>
<section><h2 id="errors">Errors</h2><table>${errorRows(components)}</table></section>
<section><h2 id="schemas">Schemas</h2>${schemas.join('')}</section>
</body></html>
`;
};

const operationPart = (path: string, verb: string, operation: Operation, components: OpenApi['components']): string => {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  const known = parameters.map((each) => resolved(each, components.parameters));
  const rows = known.map((parameter) => {
    const { name, in: place, required, description: words, schema, example } = parameter;
    return row([
      `<code>${text(name)}</code>`,
      `${text(place)}${required === true ? ', required' : ''}`,
      typeOf(schema as Node),
      prose(words),
      `<code>${text(JSON.stringify(example))}</code>`,
    ]);
  });
  const answers = Object.entries(responses).map(([status, each]) =>
    each['$ref'] === undefined ? answerPart(status, each) : sharedPart(status, resolved(each, components.responses)),
  );
  return `<details id="${operationId}"><summary><span class="method">${verb.toUpperCase()}</span> <code>${text(path)}</code> ${text(summary)}</summary>
<p>${prose(description)} <span class="quiet">${credentials(operation)}</span></p>
<table>${rows.join('')}</table>${requestBody ? `<h4>Body</h4>${contentPart(requestBody.content)}` : ''}<h4>Answers</h4>${answers.join('')}</details>`;
};

const answerPart = (status: string, { description, content }: Node): string =>
  `<details><summary><b>${status}</b> ${prose(description)}</summary>${contentPart(content as Named | undefined)}</details>`;

/** Of an error that many operations have: its codes, each of which is explained once. */
const sharedPart = (status: string, response: Node): string => {
  const codes = codesOf(response).map((code) => `<a href="#${code}"><code>${code}</code></a>`);
  return `<p><b>${status}</b> ${codes.join(' ')} ${prose(response['description'])}</p>`;
};

const codesOf = ({ content }: Node): readonly string[] => {
  const { schema } = (content as Named)['application/problem+json'] ?? {};
  const { code } = (schema as { properties?: Named } | undefined)?.properties ?? {};
  return (code?.['enum'] ?? []) as readonly string[];
};

const credentials = ({ security }: Operation): string => {
  const names = security.flatMap((each) => Object.keys(each));
  return names.length > 0 ? `Credential: ${names.join(' or ')}.` : 'No credential.';
};

const contentPart = (content: Named | undefined): string =>
  Object.entries(content ?? {})
    .map(([type, { schema, example }]) => {
      const shown = typeof example === 'string' ? example : JSON.stringify(example, null, 2);
      return `<p><code>${text(type)}</code></p>${members(schema as Node)}<pre>${text(shown)}</pre>`;
    })
    .join('');

/** The members of an object, in place; of what has a name, the name. */
const members = (schema: Node): string => {
  const { properties, items, anyOf, oneOf, required = [] } = schema as Node & Readonly<{ properties?: Named }>;
  if (properties) {
    const rows = Object.entries(properties).map(([name, member]) => {
      const isRequired = (required as readonly string[]).includes(name);
      return row([
        `<code>${text(name)}</code>${isRequired ? '' : '?'}`,
        typeOf(member),
        prose(member['description']) + nested(member),
      ]);
    });
    return `<table>${rows.join('')}</table>`;
  }
  if (items) return members(items as Node);
  const alternatives = (anyOf ?? oneOf) as readonly Node[] | undefined;
  return alternatives ? alternatives.map(members).join('') : `<p>${typeOf(schema)} ${prose(schema['description'])}</p>`;
};

const nested = (schema: Node): string => {
  const inner = (schema['items'] as Node | undefined) ?? schema;
  return inner['properties'] ? members(inner) : '';
};

const typeOf = (schema: Node): string => {
  const { $ref, type, format, enum: values, items, anyOf, oneOf, const: only } = schema;
  if (typeof $ref === 'string') {
    const name = text($ref.slice($ref.lastIndexOf('/') + 1));
    return `<a href="#schema-${name}">${name}</a>`;
  }
  if (only !== undefined) return `<code>${text(JSON.stringify(only))}</code>`;
  if (Array.isArray(values)) return values.map((value) => `<code>${text(JSON.stringify(value))}</code>`).join(' | ');
  const alternatives = (anyOf ?? oneOf) as readonly Node[] | undefined;
  if (alternatives) return alternatives.map(typeOf).join(' | ');
  const names = [type ?? 'anything'].flat().map(String).join(' | ');
  return `${text(names)}${typeof format === 'string' ? ` (${text(format)})` : ''}${items ? ` of ${typeOf(items as Node)}` : ''}`;
};

/** Each code has an anchor: the `type` of a problem leads there. */
const errorRows = ({ responses, schemas }: OpenApi['components']): string => {
  const found = new Map<string, string>();
  for (const response of Object.values(responses)) {
    const { example } = (response['content'] as Named)['application/problem+json'] ?? {};
    const { status } = example as Readonly<{ status: number }>;
    for (const code of codesOf(response)) {
      const cells = [`<code>${code}</code>`, String(status), prose(response['description'])];
      if (!found.has(code)) found.set(code, row(cells, code));
    }
  }
  const { code } = (schemas['Problem'] as { properties?: Named } | undefined)?.properties ?? {};
  for (const each of (code?.['enum'] ?? []) as readonly string[])
    if (!found.has(each)) found.set(each, row([`<code>${each}</code>`, '404, 405', NO_OPERATION], each));
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, html]) => html)
    .join('');
};

const NO_OPERATION = 'There is no such route, or it has another method: <code>Allow</code> names those that it has.';

const resolved = (part: Node, named: Named): Node => {
  const { $ref } = part;
  return typeof $ref === 'string' ? (named[$ref.slice($ref.lastIndexOf('/') + 1)] ?? {}) : part;
};

const row = (cells: readonly string[], id?: string): string =>
  `<tr${id === undefined ? '' : ` id="${id}"`}>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;

const MARKS: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const text = (value: unknown): string =>
  (typeof value === 'string' ? value : '').replace(/[&<>"]/g, (mark) => MARKS[mark]!);
/** With `code` in it. */
const prose = (value: unknown): string => text(value).replace(/`([^`]*)`/g, '<code>$1</code>');
const slug = (name: string): string => name.toLowerCase().replaceAll(' ', '-');
