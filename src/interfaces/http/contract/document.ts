/** The OpenAPI document, made of the routes, their fields, the table of permissions and the contracts beside the controllers. */
import { HTTP_ACCESS, type AccessRule } from '../../access-table.js';
import { ACCESS, ACCESS_SCHEMAS } from '../access/access.contract.js';
import { SIGN_IN } from '../access/sign-in.contract.js';
import { AGENTS, AGENT_SCHEMAS } from '../agents/agents.contract.js';
import { AUDIT, AUDIT_SCHEMAS } from '../audit/audit.contract.js';
import { EXECUTION_SCHEMAS } from '../executions/execution-schemas.contract.js';
import { EXECUTIONS } from '../executions/executions.contract.js';
import { HEALTH } from '../health/health.contract.js';
import { HISTORY } from '../history/history.contract.js';
import { HttpModule } from '../http.module.js';
import { PROJECTIONS, PROJECTION_SCHEMAS } from '../projections/projections.contract.js';
import { REFERENCE } from '../reference/reference.contract.js';
import type { DocumentedField } from '../server/fields.js';
import { STREAMS } from '../streams/streams.contract.js';
import { TASKS, TASK_SCHEMAS } from '../tasks/tasks.contract.js';
import { WEBHOOKS, WEBHOOK_SCHEMAS } from '../webhooks/webhooks.contract.js';
import { ERRORS, EVERYWHERE, USUAL, WITH_BODY, WITH_CREDENTIAL, type ErrorGroup, type ErrorName } from './errors.js';
import { ERROR_SCHEMAS, errorSchema, problemSchema } from './error-schemas.js';
import { FIELDS } from './fields.js';
import { ANSWER_HEADERS, REQUEST_HEADERS, type AnswerHeader, type RequestHeader } from './headers.js';
import { ABOUT, SECURITY_SCHEMES, TAGS } from './about.js';
import type { Answer, Contract, FieldText, Operation } from './operation.js';
import { routesOf, type Route } from './routes.js';
import { exampleOf, nullable, type Schema, type Schemas } from './schema.js';
import { SHARED_SCHEMAS } from './shared.contract.js';

const CONTRACTS: Contract = {
  ...{ ...ACCESS, ...SIGN_IN, ...AGENTS, ...AUDIT, ...EXECUTIONS, ...HEALTH, ...HISTORY },
  ...{ ...PROJECTIONS, ...REFERENCE, ...STREAMS, ...TASKS, ...WEBHOOKS },
};

const SCHEMAS: Schemas = {
  ...{ ...ERROR_SCHEMAS, ...SHARED_SCHEMAS, ...ACCESS_SCHEMAS, ...AGENT_SCHEMAS, ...AUDIT_SCHEMAS },
  ...{ ...EXECUTION_SCHEMAS, ...PROJECTION_SCHEMAS, ...TASK_SCHEMAS, ...WEBHOOK_SCHEMAS },
};

type Paths = Record<string, Record<string, unknown>>;

/** @param version of the package. @throws where a route has no contract or a contract no route, a field no words or words no field */
export const openApiDocument = (version: string): Readonly<Record<string, unknown>> => {
  const routes = [...routesOf(HttpModule)].sort((a, b) => (a.path + a.method < b.path + b.method ? -1 : 1));
  mustMatch(routes);
  const paths: Paths = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    (paths[path] ??= {})[route.method] = operationOf(route, CONTRACTS[route.name]!, HTTP_ACCESS[route.name]!);
  }
  const used = new Set(JSON.stringify(paths).match(/#\/components\/responses\/\w+/g));
  return {
    openapi: '3.1.0',
    info: { ...ABOUT, version },
    servers: [{ url: '/', description: 'The server that the document comes from.' }],
    tags: TAGS,
    paths,
    components: {
      securitySchemes: SECURITY_SCHEMES,
      parameters: mapped(REQUEST_HEADERS, headerParameter),
      headers: mapped(ANSWER_HEADERS, headerOf),
      responses: Object.fromEntries(
        (Object.keys(ERRORS) as ErrorName[])
          .filter((name) => used.has(`#/components/responses/${capital(name)}`))
          .map((name) => [capital(name), errorResponse(ERRORS[name])]),
      ),
      schemas: sorted(SCHEMAS),
    },
  };
};

const mustMatch = (routes: readonly Route[]): void => {
  const names = new Set(routes.map(({ name }) => name));
  const problems = [
    ...[...names]
      .filter((name) => !CONTRACTS[name])
      .map((name) => `${name} has no contract: write one beside its controller`),
    ...[...names].filter((name) => !HTTP_ACCESS[name]).map((name) => `${name} is not in access-table.ts`),
    ...Object.keys(CONTRACTS)
      .filter((name) => !names.has(name))
      .map((name) => `${name} has a contract and is no route: remove it`),
  ];
  const ids = Object.values(CONTRACTS).map(({ id }) => id);
  problems.push(...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `${id} names two operations`));
  if (problems.length > 0) throw new Error(problems.join('\n'));
};

const operationOf = (route: Route, contract: Operation, rule: AccessRule) => {
  const { id, tag, summary, description, headers = [], answers } = contract;
  const parameters = parametersOf(route, contract);
  const body = bodyOf(route, contract);
  const hasCsrf =
    route.method !== 'get' && (rule.kind === 'permission' || rule.kind === 'known' || rule.kind === 'sign-in');
  const every: readonly RequestHeader[] = [...headers, ...(hasCsrf ? (['X-CSRF-Token'] as const) : []), 'X-Request-Id'];
  if (route.status !== undefined && !answers[route.status])
    throw new Error(
      `${route.name}: expected an answer ${route.status}, as @HttpCode says; the contract has ${Object.keys(answers).join()}`,
    );
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...describedBy(description, rule),
    ...(rule.kind === 'permission' && { 'x-permission': rule.permission }),
    security: SECURITY[rule.kind],
    parameters: [...parameters, ...every.map((name) => ({ $ref: `#/components/parameters/${name}` }))],
    ...(body && { requestBody: body }),
    responses: { ...answersOf(answers), ...errorsOf(contract, rule, body !== undefined) },
  };
};

const describedBy = (description: string | undefined, rule: AccessRule) => {
  const needs = rule.kind === 'permission' ? `Needs the permission \`${rule.permission}\`.` : undefined;
  const sentences = [description, needs].filter((each) => each !== undefined);
  return sentences.length > 0 && { description: sentences.join(' ') };
};

const KNOWN = [{ bearer: [] }, { session: [] }];
const SECURITY: Readonly<Record<AccessRule['kind'], readonly unknown[]>> = {
  permission: KNOWN,
  known: KNOWN,
  'own-call': [{ installation: [] }],
  ...{ public: [], 'task-token': [], 'sign-in': [] },
};

/** The words for a field: those of the contract, then those that all routes share. */
const wordsFor = (
  route: Route,
  contract: Operation,
  { name }: DocumentedField,
): Required<Omit<FieldText, 'schema'>> => {
  const [own, shared] = [contract.fields?.[name], FIELDS[name]];
  const [description, example] = [own?.description ?? shared?.description, own?.example ?? shared?.example];
  if (description === undefined)
    throw new Error(`${route.name}: expected words for ${name} in \`fields\` of its contract; got none`);
  return { description, example: example ?? null };
};

const parametersOf = (route: Route, contract: Operation) => {
  const known = new Set(Object.values(route.fields).flatMap((fields) => fields.map(({ name }) => name)));
  const idle = Object.keys(contract.fields ?? {}).filter((name) => !known.has(name));
  // Contracts of several routes share their words.
  if (idle.some((name) => !['name', 'id', 'delivery_id'].includes(name)))
    throw new Error(`${route.name}: its contract has words for ${idle.join(', ')}, which it does not take`);
  return (['path', 'query'] as const).flatMap((place) =>
    route.fields[place].map((field) => ({
      name: field.name,
      in: place,
      required: place === 'path' || field.required,
      ...wordsFor(route, contract, field),
      schema: field.schema,
    })),
  );
};

/** Express reads the body of every POST, which has to be an object; that of a form is not read. */
const bodyOf = (route: Route, contract: Operation) => {
  if (route.method !== 'post' || route.path === '/auth/sign-out') return undefined;
  const schema = contract.body ?? objectOf(route, contract);
  return { required: true, content: { 'application/json': { schema, example: exampleOf(schema, SCHEMAS) } } };
};

const objectOf = (route: Route, contract: Operation): Schema => {
  const fields = route.fields.body;
  const required = fields.filter((field) => isRequired(field)).map(({ name }) => name);
  const properties = fields.map((field): [string, Schema] => {
    const { description, example } = wordsFor(route, contract, field);
    const schema = { ...field.schema, description, examples: [example] };
    return [field.name, field.required ? schema : nullable(schema)];
  });
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
};

/** Null in a field is the same as its absence. */
const isRequired = ({ required, schema }: DocumentedField): boolean =>
  required && !(Array.isArray(schema['type']) && schema['type'].includes('null'));

const answersOf = (answers: Operation['answers']) =>
  Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)]));

const answerOf = ({ description, content, headers = [] }: Answer) => ({
  description,
  headers: headerReferences(headers),
  ...(content && {
    content: mapped(content, (_name, schema) => ({ schema, example: exampleOf(schema, SCHEMAS) })),
  }),
});

/** One group for each status: those of the contract before the usual ones. */
const errorsOf = ({ answers, errors }: Operation, rule: AccessRule, hasBody: boolean) => {
  const isAsked = rule.kind === 'permission' || rule.kind === 'known';
  const usual: readonly ErrorName[] = [
    ...(isAsked ? WITH_CREDENTIAL : []),
    ...(rule.kind === 'public' ? (['unauthenticated'] as const) : []),
    ...(hasBody ? WITH_BODY : []),
    ...[...EVERYWHERE, ...USUAL],
  ];
  const found: Record<string, unknown> = {};
  for (const name of [...errors, ...usual]) {
    const { status } = ERRORS[name];
    if (!answers[status]) found[status] ??= { $ref: `#/components/responses/${capital(name)}` };
  }
  return found;
};

const errorResponse = ({ status, codes, description, message, details = {}, headers = [] }: ErrorGroup) => {
  const [code = ''] = codes;
  const words = code.toLowerCase().replaceAll('_', ' ');
  const title = words.charAt(0).toUpperCase() + words.slice(1);
  const problem = {
    type: `/docs#${code}`,
    title,
    status,
    detail: message,
    instance: '/api/v1/workflow',
    code,
    details,
  };
  return {
    description,
    headers: headerReferences(headers),
    content: {
      'application/json': {
        schema: errorSchema(codes),
        example: { success: false, error: { code, message, details } },
      },
      'application/problem+json': {
        schema: problemSchema(codes),
        example: problem,
      },
    },
  };
};

const headerReferences = (names: readonly AnswerHeader[]) =>
  Object.fromEntries(
    (['X-Request-Id', ...names] as const).map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  );

const withoutWords = ({ description, examples, ...schema }: Schema) => ({
  description,
  schema,
  example: (examples as readonly unknown[])[0],
});
const headerOf = (_name: string, header: Schema) => withoutWords(header);
const headerParameter = (name: string, header: Schema) => ({
  name,
  in: 'header',
  required: false,
  ...withoutWords(header),
});

const mapped = <Value>(values: Readonly<Record<string, Value>>, map: (name: string, value: Value) => unknown) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(name, value)]));
const sorted = <Value>(values: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> =>
  Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
