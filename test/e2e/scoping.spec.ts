/** What is shown of other projects, in mode `keys`: one server, its real clients, keys of several projects. */
import { randomBytes, randomUUID } from 'node:crypto';
import { AccessDirectory } from '../../src/application/access/access-directory.js';
import { newKey } from '../../src/application/access/api-keys.js';
import type { Projects } from '../../src/domain/access/grants.js';
import type { Role } from '../../src/domain/access/permissions.js';
import { HTTP_ACCESS } from '../../src/interfaces/access-table.js';
import { createClient } from '../../src/lib/supabase/client.js';
import { eventually } from '../support/eventually.js';
import { letGo } from '../support/let-go.js';
import { followSse, type SseClient } from '../support/sse-client.js';
import { startReceiver, type Receiver } from '../support/webhook-receiver.js';
import { Api } from './support/api.js';
import { startScriptedAgents } from './support/scripted-agents.js';
import { startTestApp, type TestApp } from './support/test-app.js';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are JSON whose shape is what the tests assert */
const WORKFLOW = '/api/v1/workflow';
const HOOKS = `${WORKFLOW}/webhooks`;
const ALL_OF_PROJECTS: readonly Role[] = ['operator', 'reviewer', 'auditor', 'admin'];
/** The promise of the documentation. */
const REVOKED_WITHIN_MS = 2_000;

type Key = Readonly<{ id: string; key: string; api: Api; headers: Readonly<Record<string, string>> }>;

let agents: Awaited<ReturnType<typeof startScriptedAgents>>;
let app: TestApp;
let receiver: Receiver;
let [everyone, ours, literal]: [Key, Key, Key] = [] as never;
/** Of `ours`, of another project, of a project that a pattern's `_` would hold if it stood for any character. */
let [own, foreign, similar]: [string, string, string] = [] as never;
const clients: SseClient[] = [];

const LIMITS = { keys: 100, grants: 100, blocked: 100 };
const by = { type: 'system', id: 'test' } as const;
const context = () => ({
  ...{ commandId: randomUUID(), at: new Date(), actor: by, reason: null, causationId: null, traceparent: null },
});
const directory = () => app.server.app.get(AccessDirectory);

const makeKey = async (name: string, roles: readonly Role[], projects: Projects): Promise<Key> => {
  const { id, secretHash, key } = newKey((bytes) => randomBytes(bytes));
  const grants = roles.map((role) => ({ role, projects }));
  const at = new Date().toISOString();
  const data = { id, name, secretHash, grants, expiresAt: null, by, reason: null, at, limits: LIMITS };
  await directory().execute({ type: 'CreateApiKey', data }, context());
  const headers = { authorization: `Bearer ${key}` };
  return { id, key, headers, api: new Api(app.server.url, headers) };
};
const revoke = ({ id }: Key) =>
  directory().execute(
    { type: 'RevokeApiKey', data: { id, by, reason: null, at: new Date().toISOString(), administrators: 'nobody' } },
    context(),
  );

const start = ({ api }: Key, project: string, more: object = {}) =>
  api.start({ project_id: project, document_type: 'ib', auto_execute: false, ...more });
const run = ({ api }: Key, id: string) =>
  api.post(`${WORKFLOW}/execute`, { execution_id: id, mode: 'remaining', reason: 'a test' });
const listed = async ({ api }: Key, query = ''): Promise<string[]> =>
  (await api.get(`${WORKFLOW}/executions?limit=200${query}`)).body.data.executions.map(({ id }: any) => id);

beforeAll(async () => {
  [agents, receiver] = await Promise.all([startScriptedAgents(), startReceiver()]);
  app = await startTestApp({ AUTH: 'keys', AGENT_BASE_URL: agents.url, WEBHOOK_ALLOW_PRIVATE_TARGETS: 'true' });
  everyone = await makeKey('everyone', [...ALL_OF_PROJECTS, 'monitor'], 'all');
  ours = await makeKey('ours', ALL_OF_PROJECTS, ['alpha-*', 'solo']);
  literal = await makeKey('literal', ['viewer'], ['a_1*']);
  own = await start(everyone, 'alpha-1');
  foreign = await start(everyone, 'beta-1');
  similar = await start(everyone, 'ab1');
  await everyone.api.reaches(similar, 'created');
}, 60_000);
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await app.close();
  await Promise.all([agents.close(), receiver.close()]);
}, 60_000);

describe('lists', () => {
  test('have the executions of a principal’s projects, page by page; another’s project is empty', async () => {
    const second = await start(everyone, 'solo');
    await everyone.api.reaches(second, 'created');
    expect(await listed(ours)).toEqual([second, own]);
    expect(await listed(ours, '&project_id=beta-1')).toEqual([]);
    expect(await listed(ours, '&project_id=solo')).toEqual([second]);
    const first = await ours.api.get(`${WORKFLOW}/executions?limit=1`);
    expect(first.body.data.executions.map(({ id }: any) => id)).toEqual([second]);
    const rest = await ours.api.get(`${WORKFLOW}/executions?limit=1&cursor=${first.body.data.next_cursor}`);
    expect(rest.body.data).toMatchObject({ executions: [{ id: own }], next_cursor: null });
    expect((await listed(everyone)).length).toBeGreaterThanOrEqual(4);
  });

  test('take the characters of a pattern for themselves', async () => {
    expect(await listed(literal)).toEqual([]);
    const id = await start(everyone, 'a_1-x');
    await everyone.api.reaches(id, 'created');
    expect(await listed(literal)).toEqual([id]);
  });
});

const follow = (path: string, { headers }: Key, lastEventId = ''): SseClient => {
  const client = followSse(app.server.url, `${WORKFLOW}/${path}`, { more: headers, lastEventId });
  clients.push(client);
  return client;
};
const projectsIn = (client: SseClient) =>
  new Set([
    ...client.named('snapshot').flatMap(({ data }) => data.executions.map((row: any) => row.project_id)),
    ...client.named('event').map(({ data }) => data.execution.project_id),
  ]);

test('a stream of many sends what the scope holds: in its snapshot, as it happens, and to a client that comes again', async () => {
  const client = follow('stream', ours);
  await eventually(() => client.messages.length === 1);
  const place = client.messages[0]!.id;
  const [mine, other] = [await start(everyone, 'alpha-2'), await start(everyone, 'beta-2')];
  await Promise.all([run(everyone, other), everyone.api.reaches(other, 'completed')]);
  await run(ours, mine);
  const isDone = (each: SseClient) => each.messages.at(-1)?.data.execution?.current_state === 'completed';
  await eventually(() => isDone(client));
  const again = follow('stream', ours, place);
  await eventually(() => isDone(again));
  expect(again.named('snapshot')).toEqual([]);
  expect(again.revisions()).toEqual(client.revisions());
  for (const each of [client, again])
    expect([...projectsIn(each)].filter((project) => !/^(alpha-\d|solo)$/.test(project))).toEqual([]);
});

const TABLES = ['workflow_executions', 'workflow_steps', 'workflow_events'] as const;

/** Follows all rows of the three tables with Supabase's own client. */
const followRows = (key: string) => {
  const supabase = createClient(app.server.url, key);
  const [rows, systems, statuses, errors]: [any[], any[], string[], string[]] = [[], [], [], []];
  const channel = supabase.channel('rows');
  for (const table of TABLES)
    channel.on('postgres_changes', { event: '*', schema: 'public', table }, ({ new: row }: any) =>
      rows.push({ table, ...row }),
    );
  channel
    .on('system', {}, (message: any) => systems.push(message))
    .subscribe((status, error) => {
      statuses.push(status);
      if (error) errors.push(error.message);
    });
  return { supabase, rows, systems, statuses, errors, end: () => letGo(supabase.realtime) };
};

describe('realtime', () => {
  test('sends rows of the scope’s executions, steps and events, and of no other', async () => {
    const client = followRows(ours.key);
    try {
      await eventually(() => client.systems.some(({ status }) => status === 'ok'));
      const [mine, other] = [await start(everyone, 'alpha-3'), await start(everyone, 'beta-3')];
      await run(everyone, other);
      await everyone.api.reaches(other, 'completed');
      await run(ours, mine);
      const isOf = (row: any, id: string) => row.id === id || row.execution_id === id;
      await eventually(() => client.rows.some((row) => row.id === mine && row.current_state === 'completed'));
      await eventually(() => expect(client.rows.some((row) => row.event_type === 'WorkflowCompleted')).toBe(true));
      const tables = new Set(client.rows.filter((row) => isOf(row, mine)).map(({ table }) => table));
      expect([...tables].sort()).toEqual([...TABLES].sort());
      expect(client.rows.filter((row) => !isOf(row, mine))).toEqual([]);
    } finally {
      client.end();
    }
  });

  test('refuses a join without a credential that counts, and takes a key of the join alone', async () => {
    const client = followRows('anon');
    try {
      await eventually(() => client.statuses.includes('CHANNEL_ERROR'));
      expect(client.errors[0]).toContain('Unauthorized: Credentials: expected an API key, got none');
      await client.supabase.realtime.setAuth(ours.key);
      await eventually(() => client.systems.some(({ status }) => status === 'ok'));
      // A later token decides as well.
      await client.supabase.realtime.setAuth(`${ours.key.slice(0, -4)}AAAA`);
      await eventually(() => client.systems.some(({ message }) => /the API key is not known here/.test(message)));
    } finally {
      client.end();
    }
  });
});

describe('webhooks', () => {
  const subscribe = async ({ api }: Key, more: object = {}) => {
    const made = await api.post(HOOKS, { url: `${receiver.url}/hook`, ...more });
    expect(made.status).toBe(201);
    return made.body.data.webhook;
  };

  test('are sent events of their creator’s projects', async () => {
    const { id, projects } = await subscribe(ours);
    expect(projects).toEqual(['alpha-*', 'solo']);
    const [other, mine] = [await start(everyone, 'beta-4'), await start(everyone, 'alpha-4')];
    await eventually(() => receiver.taken().some(({ body }) => body.data.execution_id === mine));
    expect(receiver.taken().filter(({ body }) => body.data.execution_id === other)).toEqual([]);
    expect((await fetch(`${app.server.url}${HOOKS}/${id}`, { method: 'DELETE', headers: ours.headers })).status).toBe(
      200,
    );
  });

  test('are shown and changed within the caller’s projects; others are as unknown', async () => {
    const [wide, narrow] = [await subscribe(everyone), await subscribe(everyone, { project_id: 'alpha-1' })];
    const shown = (await ours.api.get(HOOKS)).body.data.webhooks.map(({ id }: any) => id);
    expect(shown).toEqual([narrow.id]);
    expect(wide).not.toHaveProperty('projects');
    for (const [route, rule] of Object.entries(HTTP_ACCESS)) {
      const [method, path] = route.split(' ') as [string, string];
      if (!path.startsWith(`${HOOKS}/:id`) || rule.kind !== 'permission') continue;
      const delivery = randomUUID();
      const asked = (id: string) => bare(method, path.replace(':id', id).replace(':delivery_id', delivery), ours, id);
      expect([route, await asked(wide.id)]).toEqual([route, await asked(randomUUID())]);
    }
    const refused = await ours.api.post(HOOKS, { url: `${receiver.url}/hook`, project_id: 'beta-1' });
    expect([refused.status, refused.body.error.code]).toEqual([403, 'FORBIDDEN']);
    expect(refused.body.error.message).not.toContain('beta-1');
  });
});

/** An answer, but for what differs between any two requests. */
const bare = async (method: string, path: string, { headers }: Key, id: string, body?: object) => {
  const sent = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } };
  const response = await fetch(app.server.url + path, { method, headers, ...sent });
  const kept = [...response.headers].filter(([name]) => name !== 'x-request-id' && name !== 'date');
  return { status: response.status, headers: kept, text: (await response.text()).replaceAll(id, 'ID') };
};

describe('an execution of another project', () => {
  const BODIES: Readonly<Record<string, object>> = {
    [`POST ${WORKFLOW}/control`]: { action: 'pause' },
    [`POST ${WORKFLOW}/execute`]: { mode: 'next_step' },
    [`POST ${WORKFLOW}/:execution_id/audit-reviews`]: { through_revision: 0, outcome: 'accepted', reason: 'a test' },
  };
  const routes = Object.entries(HTTP_ACCESS).flatMap(([route, rule]) =>
    rule.kind === 'permission' && rule.target.includes('execution') ? [[route, rule.target] as const] : [],
  );

  test.each(routes)('is answered as an unknown one: %s', async (route, target) => {
    const [method, template] = route.split(' ') as [string, string];
    const asked = (id: string, others: readonly [string, string] = [id, own]) => {
      const path = template
        .replace(':execution_id', others[0])
        .replace(':other_id', others[1])
        .replace(':name', 'brochure.pdf');
      const inBody = target === 'execution in body' ? { execution_id: id } : {};
      const body = method === 'POST' ? { ...BODIES[route], ...inBody } : undefined;
      return bare(method, target === 'execution in query' ? `${path}?execution_id=${id}` : path, ours, id, body);
    };
    const unknown = randomUUID();
    const answer = await asked(foreign);
    expect(answer.status).toBe(404);
    expect(answer).toEqual(await asked(unknown));
    if (target === 'two executions in path')
      expect(await asked(foreign, [own, foreign])).toEqual(await asked(unknown, [own, unknown]));
  });

  test('takes as long to deny as an unknown one', async () => {
    const [rounds, unknown] = [200, randomUUID()];
    const took: Record<string, number[]> = { foreign: [], unknown: [] };
    for (let round = 0; round < rounds; round++)
      for (const [name, id] of [['foreign', foreign] as const, ['unknown', unknown] as const]) {
        const begun = performance.now();
        await ours.api.get(`${WORKFLOW}?execution_id=${id}`);
        took[name]!.push(performance.now() - begun);
      }
    const median = (name: string) => took[name]!.sort((a, b) => a - b)[rounds / 2]!;
    const ratio = median('foreign') / median('unknown');
    process.stdout.write(
      `404 of a foreign execution: median ${median('foreign').toFixed(2)} ms, of an unknown one ${median('unknown').toFixed(2)} ms, ratio ${ratio.toFixed(3)}\n`,
    );
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  }, 60_000);

  test('cannot be started, nor found by the Idempotency-Key of another', async () => {
    const body = { project_id: 'beta-1', document_type: 'ib', auto_execute: false };
    const denied = await ours.api.post(`${WORKFLOW}/start`, body);
    expect([denied.status, denied.body.error.code]).toEqual([403, 'FORBIDDEN']);
    const headers = { 'idempotency-key': 'the-same' };
    const shared = { ...body, project_id: 'alpha-1' };
    const first = await everyone.api.post(`${WORKFLOW}/start`, shared, headers);
    const second = await ours.api.post(`${WORKFLOW}/start`, shared, headers);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(first.body.data.execution.id).not.toBe(second.body.data.execution.id);

    // Two keys of one service share its Idempotency-Keys, and no projects.
    const [here, there] = [
      await makeKey('twin', ['starter'], ['gamma-1']),
      await makeKey('twin', ['starter'], ['gamma-2']),
    ];
    const made = await start(here, 'gamma-1', {});
    expect(made).toBeTruthy();
    const mine = await here.api.post(`${WORKFLOW}/start`, { ...body, project_id: 'gamma-1' }, headers);
    const reused = await there.api.post(`${WORKFLOW}/start`, { ...body, project_id: 'gamma-2' }, headers);
    expect([reused.status, reused.body.error.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    expect(JSON.stringify(reused.body)).not.toContain(mine.body.data.execution.id);
  });
});

test('details of health and metrics are for those who hold their permissions', async () => {
  const nobody = new Api(app.server.url);
  expect((await nobody.get('/health/ready')).body.data).toEqual({ ready: true });
  expect((await literal.api.get('/health/ready')).body.data).toEqual({ ready: true });
  expect((await everyone.api.get('/health/ready')).body.data.checks).toHaveProperty('database');
  expect([(await nobody.get('/metrics')).status, (await literal.api.get('/metrics')).status]).toEqual([401, 403]);
  expect((await everyone.api.get('/metrics')).status).toBe(200);
});

test('a revoked key ends its streams and channels within two seconds', async () => {
  const key = await makeKey('short', ['viewer'], ['alpha-*']);
  const [many, one] = [follow('stream', key), follow(`${own}/stream`, key)];
  const rows = followRows(key.key);
  try {
    await eventually(() => many.messages.length > 0 && one.messages.length > 0);
    await eventually(() => rows.systems.some(({ status }) => status === 'ok'));
    const begun = performance.now();
    await revoke(key);
    await Promise.all([many.done, one.done]);
    await eventually(() => rows.systems.some(({ message }) => /the API key has ended/.test(message)));
    expect(performance.now() - begun).toBeLessThan(REVOKED_WITHIN_MS);
    for (const client of [many, one]) {
      expect(client.named('closing').map(({ data }) => data.reason)).toEqual(['access_changed']);
      expect(client.statuses).toEqual([200, 401]);
    }
    const before = rows.rows.length;
    await eventually(() => rows.errors.some((error) => error.includes('the API key was revoked')));
    const id = await start(everyone, 'alpha-5');
    await everyone.api.reaches(id, 'created');
    expect(rows.rows).toHaveLength(before);
  } finally {
    rows.end();
  }
});
