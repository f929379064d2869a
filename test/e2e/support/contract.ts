/**
 * Holds answers against docs/openapi.json: an operation, a status, a media type, a member, a code or a header that it does not have is
 * an error, and so is a body that was taken although the document has another.
 */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

/* eslint-disable @typescript-eslint/no-explicit-any -- the document is JSON of any shape */
type Document = Readonly<Record<string, any>>;
export type Answered = Readonly<{
  method: string;
  url: string;
  status: number;
  contentType: string | null;
  text: string;
  headers?: Headers;
  /** The body of the request, where it is text. */
  sent?: string;
}>;

/** What each run of the tests has seen, a line for each operation and status; see `scripts/contract-coverage.mjs`. */
const SEEN = 'node_modules/.cache/workflow-executor/contract-coverage.txt';
const ROOT = 'contract';
const NO_OPERATION = { schema: { $ref: '#/components/schemas/Error' } };
const NO_OPERATION_PROBLEM = { schema: { $ref: '#/components/schemas/Problem' } };

export class AnswerCheck {
  private readonly ajv: Ajv2020;
  private readonly validators = new Map<string, ValidateFunction>();
  private readonly templates: readonly Readonly<{ template: string; pattern: RegExp }>[];
  private readonly seen = new Set<string>();

  constructor(
    private readonly document: Document,
    private readonly note: (line: string) => void = () => undefined,
  ) {
    this.ajv = new Ajv2020({ strict: false, allErrors: true });
    (addFormats as unknown as (ajv: Ajv2020) => void)(this.ajv);
    this.ajv.addSchema(closed(document), ROOT);
    this.templates = Object.keys(document['paths'])
      .sort((a, b) => variablesIn(a) - variablesIn(b))
      .map((template) => ({ template, pattern: patternOf(template) }));
  }

  /** @throws Error that names the operation and what is not documented */
  check(answered: Answered): void {
    const { method, url, status } = answered;
    const { pathname } = new URL(url);
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
    const template = this.templates.find(
      (each) => each.pattern.test(pathname) && this.document['paths'][each.template][verb],
    )?.template;
    const where = `${method} ${pathname}`;
    if (template === undefined) {
      const content = { 'application/json': NO_OPERATION, 'application/problem+json': NO_OPERATION_PROBLEM };
      if (status < 400) fail(`${where} answered ${status}, and docs/openapi.json has no such operation`);
      if (method !== 'HEAD') this.checkBody(where, status, { content }, answered, '#/none');
      return;
    }
    const operation = this.document['paths'][template][verb];
    const place = `#/paths/${escaped(template)}/${verb}/responses/${status}`;
    this.noteSeen(`${operation.operationId} ${status}`);
    const response = operation.responses[status];
    if (!response)
      fail(`${where} answered ${status}, which ${operation.operationId} does not have: ${answered.text.slice(0, 500)}`);
    const [at, found] = response.$ref
      ? [response.$ref, this.document['components'].responses[nameOf(response.$ref)]]
      : [place, response];
    const named = `${operation.operationId} (${where})`;
    this.checkHeaders(named, status, found, answered);
    if (status < 300 && answered.sent !== undefined) this.checkSent(named, operation, template, verb, answered.sent);
    if (method !== 'HEAD') this.checkBody(`${operation.operationId} (${where})`, status, found, answered, at);
  }

  /** Of the headers that the document knows, an answer has those that it names; `Cache-Control` every answer has. */
  private checkHeaders(where: string, status: number, response: Document, { headers }: Answered): void {
    for (const name of Object.keys(this.document['components'].headers ?? {})) {
      const isGeneral = name === 'Cache-Control' || name === 'X-Request-Id';
      if (!isGeneral && headers?.has(name) && !response['headers']?.[name])
        fail(`${where}: the answer ${status} has the header ${name}, which docs/openapi.json does not name`);
    }
  }

  private checkSent(where: string, { requestBody }: Document, template: string, verb: string, sent: string): void {
    // What is sent to a route that reads no body is left unread.
    if (!requestBody) return;
    const at = `#/paths/${escaped(template)}/${verb}/requestBody/content/${escaped('application/json')}/schema`;
    const validate = this.validatorOf({}, at);
    if (!validate(JSON.parse(sent)))
      fail(
        `${where}: the body was taken, and docs/openapi.json says: ${this.ajv.errorsText(validate.errors)}; sent ${sent.slice(0, 500)}`,
      );
  }

  private checkBody(
    where: string,
    status: number,
    response: Document,
    { contentType, text }: Answered,
    at: string,
  ): void {
    const type = (contentType ?? '').split(';', 1)[0]!.trim();
    const content: Document | undefined = response['content'];
    if (!content) {
      if (text !== '') fail(`${where}: expected no body with ${status}, got ${text.slice(0, 500)}`);
      return;
    }
    const media = content[type] ? type : '*/*';
    if (!content[media])
      fail(`${where}: expected ${Object.keys(content).join(' or ')} with ${status}, got ${type || 'no type'}`);
    if (!/\bjson$/.test(type)) return;
    const validate = this.validatorOf(content[media].schema, `${at}/content/${escaped(media)}/schema`);
    if (!validate(JSON.parse(text)))
      fail(
        `${where}: the answer ${status} is not as docs/openapi.json says: ${this.ajv.errorsText(validate.errors)}; got ${text.slice(0, 1_000)}`,
      );
  }

  private validatorOf(schema: Document, at: string): ValidateFunction {
    const known = this.validators.get(at);
    if (known) return known;
    const ref = at.startsWith('#/none') ? schema['$ref'] : at;
    const made = this.ajv.compile({ $ref: `${ROOT}${ref}` });
    this.validators.set(at, made);
    return made;
  }

  private noteSeen(line: string): void {
    if (this.seen.has(line)) return;
    this.seen.add(line);
    this.note(line);
  }
}

const fail = (message: string): never => {
  throw new Error(message);
};

const variablesIn = (template: string): number => template.split('{').length;
const patternOf = (template: string): RegExp => new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}/?$`, 'i');
const nameOf = (reference: string): string => reference.slice(reference.lastIndexOf('/') + 1);
const escaped = (name: string): string => encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));

/** Clients are to expect members that come later; what this version sends is documented, all of it. */
const closed = (part: any): any => {
  if (Array.isArray(part)) return part.map(closed);
  if (typeof part !== 'object' || part === null) return part;
  const whole = Object.fromEntries(Object.entries(part).map(([name, value]) => [name, closed(value)]));
  const isObject = whole['type'] === 'object' || (Array.isArray(whole['type']) && whole['type'].includes('object'));
  return isObject && whole['properties'] ? { additionalProperties: false, ...whole } : whole;
};

const note = (line: string): void => {
  mkdirSync(path.dirname(SEEN), { recursive: true });
  appendFileSync(SEEN, `${line}\n`);
};

let current: AnswerCheck | undefined;
const checkOfDocument = (): AnswerCheck =>
  (current ??= new AnswerCheck(JSON.parse(readFileSync('docs/openapi.json', 'utf8')), note));

const watched = new Set<string>();
let plainFetch: typeof fetch | undefined;

/** From now on each answer of this address that the process fetches is held against the document. */
export const watchAnswers = (url: string): void => {
  if (URL.canParse(url)) watched.add(new URL(url).origin);
  if (globalThis.fetch === checkedFetch) return;
  plainFetch = globalThis.fetch;
  globalThis.fetch = checkedFetch;
};

const checkedFetch: typeof fetch = async (input, init) => {
  const response = await plainFetch!(input, init);
  const asked = input instanceof Request ? input.url : String(input);
  const url = response.url || asked;
  if (!watched.has(new URL(url).origin)) return response;
  const asks = init?.method ?? (input instanceof Request ? input.method : 'GET');
  const method = response.redirected ? 'GET' : asks.toUpperCase();
  const contentType = response.headers.get('content-type');
  const text = contentType?.includes('json') ? await response.clone().text() : '';
  const sent = typeof init?.body === 'string' && !response.redirected ? { sent: init.body } : {};
  const { status, headers } = response;
  checkOfDocument().check({ method, url, status, contentType, text, headers, ...sent });
  return response;
};
