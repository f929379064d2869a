/** Each role against each route, compared with the table; and the table with what is served. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AccessDirectory } from '../../src/application/access/access-directory.js';
import { newKey } from '../../src/application/access/api-keys.js';
import { projections } from '../../src/application/projections/index.js';
import { Rights, type Projects } from '../../src/domain/access/grants.js';
import { ROLES, type Role } from '../../src/domain/access/permissions.js';
import { CLI_ACCESS, HTTP_ACCESS, REALTIME_ACCESS, type AccessRule } from '../../src/interfaces/access-table.js';
import { startTestApp, type TestApp } from './support/test-app.js';

const PROJECT = 'alpha-1';
const REACHES: readonly Projects[] = ['all', ['alpha-*'], ['beta']];

type Caller = Readonly<{ name: string; key: string | null; rights: Rights }>;

let app: TestApp;
let execution: string;
let callers: readonly Caller[];

beforeAll(async () => {
  // A limit would answer in place of the table.
  const noLimits = {
    RATE_ADDRESS_REQUESTS_PER_SECOND: '0',
    RATE_REQUESTS_PER_SECOND: '0',
    RATE_STARTS_PER_MINUTE: '0',
  };
  app = await startTestApp({ AUTH: 'keys', ...noLimits });
  const made: Caller[] = [{ name: 'nobody', key: null, rights: new Rights([]) }];
  for (const role of ROLES) for (const projects of REACHES) made.push(await keyFor(role, projects));
  callers = made;
  const starter = callers.find(({ rights }) => rights.mayIn('executions.start', PROJECT))!;
  const body = { project_id: PROJECT, document_type: 'ib', auto_execute: false };
  const started = await app.api.post('/api/v1/workflow/start', body, authorization(starter));
  execution = started.body.data.execution.id;
});

afterAll(() => app.close());

const keyFor = async (role: Role, projects: Projects): Promise<Caller> => {
  const name = `${role} of ${String(projects)}`;
  const { id, secretHash, key } = newKey((bytes) => crypto.getRandomValues(new Uint8Array(bytes)));
  const grants = [{ role, projects }];
  const [by, at] = [{ type: 'system', id: 'test' } as const, new Date()];
  const limits = { keys: 100, grants: 100, blocked: 100 };
  const data = { id, secretHash, name: role, grants, expiresAt: null, by, reason: null, at: at.toISOString(), limits };
  const command = { commandId: randomUUID(), at, actor: by, reason: null, causationId: null, traceparent: null };
  await app.server.app.get(AccessDirectory).execute({ type: 'CreateApiKey', data }, command);
  return { name, key, rights: new Rights(grants) };
};

const authorization = ({ key }: Pick<Caller, 'key'>): Record<string, string> =>
  key === null ? {} : { authorization: `Bearer ${key}` };

/** Bodies that name what the table speaks of, and else are refused: a denial comes before anything of that. */
const bodyFor = () => JSON.stringify({ execution_id: execution, project_id: PROJECT, document_type: 'unknown' });

const pathFor = (template: string): string =>
  template
    .replace(/:(execution_id|other_id)/g, execution)
    .replace(':id', randomUUID())
    .replace(/:[a-z_]+/g, 'unknown');

const ask = async (route: string, caller: Caller) => {
  const [method = '', template = ''] = route.split(' ');
  const query =
    HTTP_ACCESS[route]!.kind === 'permission' && template.endsWith('/workflow') ? `?execution_id=${execution}` : '';
  const asked = new AbortController();
  const response = await fetch(`${app.server.url}${pathFor(template)}${query}`, {
    ...{ method, signal: asked.signal, redirect: 'manual' as const },
    headers: { ...authorization(caller), ...(method === 'POST' ? { 'content-type': 'application/json' } : {}) },
    ...(method === 'POST' ? { body: bodyFor() } : {}),
  });
  const isJson = (response.headers.get('content-type') ?? '').includes('json');
  const error = isJson ? (((await response.json()) as { error?: Refused }).error ?? null) : null;
  // A stream would go on.
  asked.abort();
  return outcomeOf(response.status, error);
};

type Refused = Readonly<{ code: string; message: string; details: Readonly<{ permission?: string }> }>;

const outcomeOf = (status: number, error: Refused | null): Outcome => {
  if (status === 401) return 'who are you';
  if (status === 403 && error?.details.permission !== undefined) return 'denied';
  return status === 404 && error?.message === `There is no execution ${execution}` ? 'not seen' : 'let in';
};

type Outcome = 'let in' | 'who are you' | 'denied' | 'not seen';

const expected = (rule: AccessRule, { key, rights }: Caller): Outcome => {
  if (rule.kind === 'known' && key === null) return 'who are you';
  if (rule.kind !== 'permission') return 'let in';
  if (key === null) return 'who are you';
  const { permission, target } = rule;
  if (!rights.may(permission)) return 'denied';
  if (target === 'none' || target === 'scoped' || rights.mayIn(permission, PROJECT)) return 'let in';
  return target === 'project in body' ? 'denied' : 'not seen';
};

test('each role meets at each route what the table says', async () => {
  const counts: Partial<Record<Outcome, number>> = {};
  const surprises: string[] = [];
  for (const [route, rule] of Object.entries(HTTP_ACCESS))
    for (const caller of callers) {
      const [wanted, came] = [expected(rule, caller), await ask(route, caller)];
      counts[came] = (counts[came] ?? 0) + 1;
      if (came !== wanted) surprises.push(`${route} by ${caller.name}: expected ${wanted}, came ${came}`);
    }
  expect(surprises).toEqual([]);
  const asked = Object.keys(HTTP_ACCESS).length * callers.length;
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(asked);
  process.stdout.write(`${asked} requests of ${callers.length} callers: ${JSON.stringify(counts)}\n`);
}, 120_000);

test('the table names each route that is served, and no other', () => {
  expect(routesOf(app.server.app).sort()).toEqual(Object.keys(HTTP_ACCESS).sort());
});

test('the table names each verb of the command line, and each read table that is followed', async () => {
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as { scripts: Record<string, string> };
  const verbs = Object.entries(scripts).filter(([, command]) => command.includes('scripts/run.mjs'));
  expect(Object.keys(CLI_ACCESS).sort()).toEqual(verbs.map(([verb]) => verb).sort());
  for (const routes of Object.values(CLI_ACCESS))
    for (const route of routes === 'on the machine' ? [] : routes) expect(HTTP_ACCESS).toHaveProperty([route]);
  expect(Object.keys(REALTIME_ACCESS).sort()).toEqual(projections.map(({ table }) => table).sort());
});

type Layer = Readonly<{ route?: Readonly<{ path: string; methods: Readonly<Record<string, boolean>> }> }>;

const routesOf = (served: NestExpressApplication): string[] => {
  const { router } = served.getHttpAdapter().getInstance() as { router: { stack: readonly Layer[] } };
  return router.stack.flatMap(({ route }) =>
    route ? Object.keys(route.methods).map((method) => `${method.toUpperCase()} ${route.path}`) : [],
  );
};
