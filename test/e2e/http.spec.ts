/** The HTTP interface against the whole application: reading one's own writes, pages, repeated requests. */
import { eventually } from '../support/eventually.js';
import { lintMetrics } from '../support/lint-metrics.js';
import { send } from '../interfaces/http/send.js';
import { scriptedApp } from './support/scripted-app.js';

const world = scriptedApp();

const manual = (project_id: string) => ({ project_id, document_type: 'ib', auto_execute: false });

test('a start repeated under one Idempotency-Key creates one execution, even at the same moment', async () => {
  const key = { 'Idempotency-Key': 'once-and-for-all' };
  const body = { project_id: 'idempotent', document_type: 'ib' };
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => world.api.post('/api/v1/workflow/start', body, key)),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201));
  const [id, ...others] = new Set(answers.map((answer) => answer.body.data.execution.id as string));
  expect(others).toEqual([]);
  const { execution } = await world.api.reaches(id!, 'completed');
  const late = await world.api.post('/api/v1/workflow/start', body, key);
  expect(late.body.data).toMatchObject({
    started: true,
    execution: { id, current_state: 'created', percent_complete: 0, created_at: execution.created_at },
  });
  expect((await world.api.eventTypes(id!)).filter((type) => type === 'WorkflowStarted')).toHaveLength(1);
  const other = await world.api.post('/api/v1/workflow/start', { ...body, project_id: 'another' }, key);
  expect(other).toMatchObject({ status: 422, body: { error: { code: 'IDEMPOTENCY_KEY_REUSED' } } });
});

test('routes, streams and live updates refuse a page that rebinds its own host name to this server', async () => {
  const id = await world.api.start(manual('rebound'));
  const upgrade = {
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  for (const [path, more] of [
    [`/api/v1/workflow?execution_id=${id}`, {}],
    [`/api/v1/workflow/${id}/stream`, { accept: 'text/event-stream' }],
    ['/api/v1/workflow/stream', { accept: 'text/event-stream' }],
    ['/realtime/v1/websocket?vsn=2.0.0', upgrade],
    ['/metrics', {}],
    // The live updates pass it on, and it is answered as any other request.
    [`/api/v1/workflow?execution_id=${id}`, { connection: 'upgrade', upgrade: 'h2c' }],
  ] as const) {
    const answer = await send(world.api.url, { path, headers: { ...more, host: 'evil.example.com:3000' } });
    expect({ path, status: answer.status, code: answer.json?.error.code }).toEqual({
      path,
      status: 421,
      code: 'UNKNOWN_HOST',
    });
  }
});

test('a page of another origin may follow neither streams nor live updates; requests without an origin may follow streams', async () => {
  const id = await world.api.start(manual('origins'));
  const paths = [`/api/v1/workflow/${id}/stream`, '/api/v1/workflow/stream', '/API/v1/Workflow/Stream/'];
  const asked = (path: string, origin?: string) =>
    send(world.api.url, { method: 'HEAD', path, headers: { accept: 'text/event-stream', ...(origin && { origin }) } });
  for (const path of paths) {
    expect((await asked(path, 'http://localhost:5173')).status).toBe(403);
    expect((await asked(path, 'https://evil.example.com')).status).toBe(403);
    const own = await asked(path, world.api.url);
    expect([own.status, own.headers['access-control-allow-origin']]).toEqual([200, world.api.url]);
    const none = await asked(path);
    expect([none.status, none.headers['access-control-allow-origin']]).toEqual([200, undefined]);
  }
  const upgrade = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
  const headers = { ...upgrade, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', origin: 'http://localhost:5173' };
  const live = await send(world.api.url, { path: '/realtime/v1/websocket?vsn=2.0.0', headers });
  expect([live.status, live.json?.error.code]).toEqual([403, 'FORBIDDEN']);
});

test('metric names pass the rules of promtool', async () => {
  const exposed = await (await fetch(`${world.api.url}/metrics`)).text();
  expect(exposed).toContain('# TYPE nodejs_active_handles gauge');
  expect(exposed).toContain('# TYPE workflow_executor_projection_lag_seconds gauge');
  expect(lintMetrics(exposed)).toEqual([]);
});

test('a control command repeated under one Idempotency-Key is carried out once', async () => {
  const id = await world.api.start(manual('idempotent-control'));
  const pause = { execution_id: id, action: 'pause' };
  const key = { 'Idempotency-Key': 'pause-1' };
  expect((await world.api.post('/api/v1/workflow/control', pause, key)).body.data.changed).toBe(true);
  await world.api.control(id, 'resume');
  const again = await world.api.post('/api/v1/workflow/control', pause, key);
  expect(again).toMatchObject({ status: 200, body: { data: { changed: false } } });
  await world.api.get(`/api/v1/workflow?execution_id=${id}&min_revision=${again.body.data.revision}`);
  expect(await world.api.eventTypes(id)).toEqual(['WorkflowStarted', 'WorkflowPaused', 'WorkflowResumed']);
});

test('a read with min_revision shows what the client’s command has just changed', async () => {
  const id = await world.api.start(manual('read-your-writes'));
  for (let round = 0; round < 20; round++) {
    const { body } = await world.api.control(id, round % 2 === 0 ? 'pause' : 'resume');
    const { revision } = body.data;
    const read = await world.api.get(`/api/v1/workflow?execution_id=${id}&min_revision=${revision}`);
    expect(read.body.data.behind).toBeUndefined();
    expect(read.body.data.execution).toMatchObject({
      revision,
      current_state: round % 2 === 0 ? 'paused' : 'created',
    });
    expect(read.headers.get('etag')).toBe(`"${revision}"`);
  }
});

test('a read waits for min_revision and reports behind if that revision does not come', async () => {
  const id = await world.api.start(manual('behind'));
  const read = await world.api.get(`/api/v1/workflow?execution_id=${id}&min_revision=7`);
  expect(read).toMatchObject({
    status: 200,
    body: { data: { behind: true, requested_revision: '7', actual_revision: '0' } },
  });
});

test('a client pages through the executions; filters and cursors are checked', async () => {
  const ids: string[] = [];
  for (let count = 0; count < 5; count++) ids.push(await world.api.start(manual('listed')));
  await world.api.reaches(ids[4]!, 'created');
  const found: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = await world.api.get(
      `/api/v1/workflow/executions?project_id=listed&state=created&limit=2${cursor && `&cursor=${cursor}`}`,
    );
    expect(page.status).toBe(200);
    found.push(...page.body.data.executions.map((execution: { id: string }) => execution.id));
    cursor = page.body.data.next_cursor as string | null;
  }
  expect([...found].sort()).toEqual([...ids].sort());
  const { execution } = await world.api.details(ids[0]!);
  const before = await world.api.get(
    `/api/v1/workflow/executions?project_id=listed&created_before=${execution.created_at}`,
  );
  expect(before.body.data.executions).toEqual([]);
  const after = await world.api.get(
    `/api/v1/workflow/executions?project_id=listed&created_after=${execution.created_at}`,
  );
  expect(after.body.data.executions).toHaveLength(5);
  const { checkpoint_data, ...rest } = execution;
  expect(after.body.data.executions).toContainEqual(rest);
  const whole = await world.api.get('/api/v1/workflow/executions?project_id=listed&include_checkpoint=true');
  expect(whole.body.data.executions).toContainEqual(expect.objectContaining({ id: execution.id, checkpoint_data }));
  const foreign = await world.api.get('/api/v1/workflow/executions?cursor=bm90IG91cnM');
  expect(foreign).toMatchObject({ status: 400, body: { error: { code: 'INVALID_CURSOR' } } });
});

test('pages of events add up to the whole history', async () => {
  const id = await world.api.start({ project_id: 'history', document_type: 'ib' });
  await eventually(async () => (await world.api.eventTypes(id)).includes('WorkflowCompleted'));
  const all = await world.api.events(id);
  const paged: unknown[] = [];
  let after: string | null = '';
  while (after !== null) {
    const page = await world.api.get(`/api/v1/workflow/${id}/events?limit=5${after && `&after_revision=${after}`}`);
    paged.push(...page.body.data.events);
    after = page.body.data.next_after_revision as string | null;
  }
  expect(paged).toEqual(all);
  expect(all.map(({ revision }) => Number(revision))).toEqual(all.map((_, index) => index));
  expect(all.at(-1)).toMatchObject({
    event_type: 'WorkflowCompleted',
    current_state: 'completed',
    percent_complete: 100,
  });
});

test('the definition and the agents of the guide are installed by default', async () => {
  const { definitions } = (await world.api.get('/api/v1/workflow/definitions')).body.data;
  const ib = definitions.find(({ document_type }: { document_type: string }) => document_type === 'ib');
  expect(ib.name).toBe('ib-generation');
  expect(
    ib.steps.map((step: Record<string, unknown>) => [
      step['name'],
      step['agent'],
      step['timeout_minutes'],
      step['retry_on_failure'],
    ]),
  ).toEqual([
    ['enrich', 'regdata', 10, true],
    ['compose', 'composer', 5, true],
    ['write', 'writer', 30, true],
    ['validate', 'validator', 5, false],
    ['assemble', 'assembler', 5, true],
    ['export', 'export', 5, true],
  ]);
  const listed = (await world.api.get('/api/v1/workflow/agents')).body.data.agents;
  expect(listed).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ name: 'regdata', kind: 'http', url: `${world.agents.url}/api/v1/enrich` }),
    ]),
  );
});

test('the application answers as alive and ready', async () => {
  expect(await world.api.get('/health/live')).toMatchObject({ status: 200, body: { success: true } });
  expect(await world.api.get('/health/ready')).toMatchObject({
    status: 200,
    body: { success: true, data: { ready: true } },
  });
});

test('the application gives out its contract, and errors as problems to clients that ask for them', async () => {
  expect(await world.api.get('/openapi.json')).toMatchObject({
    status: 200,
    body: { openapi: '3.1.0', servers: [{ url: '/' }] },
  });
  expect((await world.api.get('/docs')).status).toBe(200);
  const asked = { headers: { accept: 'application/problem+json' } };
  const answer = await fetch(`${world.api.url}/api/v1/workflow?execution_id=4711`, asked);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'application/problem+json']);
  expect(await answer.json()).toMatchObject({ code: 'INVALID_REQUEST', type: '/docs#INVALID_REQUEST' });
});

test('what does not exist is answered with 404', async () => {
  const id = '99999999-9999-4999-8999-999999999999';
  for (const path of [`?execution_id=${id}`, `/${id}/events`, `/${id}/artifacts/ib.pdf`]) {
    expect(await world.api.get(`/api/v1/workflow${path}`)).toMatchObject({
      status: 404,
      body: { error: { code: 'NOT_FOUND' } },
    });
  }
});
