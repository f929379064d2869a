import { createHash } from 'node:crypto';
import request from 'supertest';
import type { EventView, StepView } from '../../../src/application/queries/read-model.js';
import { eventually } from '../../support/eventually.js';
import { executionRow, startHttp, type HttpWorld } from './http-app.js';
import { post, send } from './send.js';

const ID = '11111111-1111-4111-8111-111111111111';
const STEP = { id: ID, step_name: 'enrich', started_at: new Date('2030-01-01T00:00:00Z') } as StepView;
const EVENT = { id: ID, revision: '41', event_type: 'WorkflowStarted', recorded_at: new Date(0) } as EventView;
const whole = { order: 'asc', beforeRevision: null, types: null };

describe('queries over HTTP', () => {
  let world: HttpWorld;
  beforeEach(async () => (world = await startHttp()));
  afterEach(() => world.finish());

  const get = (path: string) => request(world.url).get(path);
  const one = (query = '') => get(`/api/v1/workflow?execution_id=${ID}${query}`);

  test('an execution: its row, times in UTC, its revision as ETag', async () => {
    world.readModel.execution = executionRow({ revision: '7' });
    const { body, headers } = await one().expect(200);
    expect(body).toEqual({ success: true, data: { execution: expect.objectContaining({ id: ID, revision: '7' }) } });
    expect(body.data.execution.created_at).toBe('2030-01-01T00:00:00.000Z');
    expect(headers['etag']).toBe('"7"');
    await one().set('If-None-Match', '"7"').expect(304, '');
    // fetch() adds this to a request with an If-None-Match of its own.
    await one().set({ 'If-None-Match': 'W/"6", "7"', 'Cache-Control': 'no-cache' }).expect(304, '');
    await one().set('If-None-Match', '"6"').expect(200);
  });

  test('steps and events come when they are asked for', async () => {
    Object.assign(world.readModel, { execution: executionRow(), steps: [STEP], rows: [EVENT] });
    expect(Object.keys((await one('&include_steps=false').expect(200)).body.data)).toEqual(['execution']);
    const { data } = (await one('&include_steps=true&include_events=true').expect(200)).body;
    expect(data.steps).toEqual([{ id: ID, step_name: 'enrich', started_at: '2030-01-01T00:00:00.000Z' }]);
    expect(data.events).toHaveLength(1);
    expect(data.earlier_events).toBe(Number(EVENT.revision));
    expect(world.readModel.asked.at(-1)).toEqual({
      executionId: ID,
      include: { steps: true, events: { limit: 1_000 } },
    });
  });

  test('an upper-case id is the same id', async () => {
    const id = 'abcdefab-cdef-4bcd-8fab-cdefabcdefab';
    world.readModel.execution = executionRow({ id });
    await get(`/api/v1/workflow?execution_id=${id.toUpperCase()}`).expect(200);
    await get(`/api/v1/workflow/${id.toUpperCase()}/events?source=projection`).expect(404);
    expect(world.readModel.asked).toEqual([
      { executionId: id, include: expect.anything() },
      { executionId: id, page: { ...whole, afterRevision: null, limit: 201 } },
    ]);
  });

  test('the query waits for min_revision, and an answer that is still behind is marked', async () => {
    world.readModel.execution = executionRow({ revision: '1' });
    const reached = (await one('&min_revision=1').expect(200)).body.data;
    expect(reached.behind).toBeUndefined();
    const pending = one('&min_revision=2').expect(200).then();
    expect((await waitedFor(pending)).body.data).toEqual({
      execution: expect.objectContaining({ revision: '1' }),
      behind: true,
      requested_revision: '2',
      actual_revision: '1',
    });
  });

  test('an unknown execution is not found; for an execution that the tables do not show yet the client can ask again', async () => {
    const { body } = await one('&min_revision=0').expect(404);
    expect(body.error).toEqual({ code: 'NOT_FOUND', message: `There is no execution ${ID}`, details: {} });
    const { json } = await send(world.url, post('/api/v1/workflow/start', { project_id: 'p', document_type: 'ib' }));
    const late = await waitedFor(get(`/api/v1/workflow?execution_id=${json.data.execution.id}`).expect(503).then());
    expect(late.body.error.code).toBe('NOT_READY');
    expect(late.headers['retry-after']).toBe('1');
  });

  /** Lets time pass until it is answered. */
  const waitedFor = async <T>(pending: Promise<T>): Promise<T> => {
    let isAnswered = false;
    void pending.finally(() => (isAnswered = true)).catch(() => undefined);
    await eventually(async () => {
      await world.clock.pass(2_000);
      return isAnswered;
    });
    return pending;
  };

  test('a list: what it is filtered by, page by page', async () => {
    Object.assign(world.readModel, { execution: executionRow(), nextCursor: 'abc' });
    const filter =
      'state=failed&project_id=p1&document_type=ib&created_after=2025-01-31&created_before=2025-02-01T00:00:00%2B01:00';
    const { body } = await get(
      `/api/v1/workflow/executions?${filter}&limit=200&cursor=xyz&include_checkpoint=true`,
    ).expect(200);
    expect(body).toEqual({
      success: true,
      data: { executions: [expect.objectContaining({ id: ID })], next_cursor: 'abc' },
    });
    await get('/api/v1/workflow/executions').expect(200);
    expect(world.readModel.asked).toEqual([
      {
        filter: {
          state: 'failed',
          projectId: 'p1',
          documentType: 'ib',
          createdAfter: new Date('2025-01-31T00:00:00Z'),
          createdBefore: new Date('2025-01-31T23:00:00Z'),
        },
        page: { cursor: 'xyz', limit: 200, checkpoints: true },
      },
      { filter: {}, page: { cursor: null, limit: 50, checkpoints: false } },
    ]);
  });

  test('a state or a type that nothing has is refused, with those there are', async () => {
    world.readModel.words = ['old_writing', 'Noted'];
    const refused = async (path: string) => (await get(path).expect(400)).body.error;
    const state = await refused('/api/v1/workflow/executions?state=enrichign');
    expect([state.code, state.details.unknown]).toEqual(['UNKNOWN_STATE', ['enrichign']]);
    expect(state.details.known).toEqual(expect.arrayContaining(['created', 'paused', 'enriching', 'enriched']));
    expect(state.message).toMatch(/^state: expected some of created, .*enriching.*; got enrichign, which nothing has$/);
    for (const state of ['created', 'cancelled', 'enriching', 'enriched', 'old_writing'])
      await get(`/api/v1/workflow/executions?state=${state}`).expect(200);

    world.readModel.rows = [EVENT];
    const events = `/api/v1/workflow/${ID}/events?source=projection`;
    const { code, message, details } = await refused(`${events}&type=WorkflowStarted,StepFialed`);
    expect([code, details.unknown]).toEqual(['UNKNOWN_EVENT_TYPES', ['StepFialed']]);
    expect(message).toMatch(/^type: expected some of .*StepFailed.*; got StepFialed, which nothing has$/);
    await get(`${events}&type=StepFailed,Noted`).expect(200);
  });

  test('events: oldest first, and where the next page begins', async () => {
    world.readModel.rows = ['3', '4', '5'].map((revision) => ({ ...EVENT, revision }));
    const { body } = await get(`/api/v1/workflow/${ID}/events?source=projection&after_revision=2&limit=2`).expect(200);
    expect(body.data.events.map(({ revision }: EventView) => revision)).toEqual(['3', '4']);
    expect(body.data.next_after_revision).toBe('4');
    expect(
      (await get(`/api/v1/workflow/${ID}/events?source=projection`).expect(200)).body.data.next_after_revision,
    ).toBeNull();
    expect(world.readModel.asked[0]).toEqual({ executionId: ID, page: { ...whole, afterRevision: 2n, limit: 3 } });
  });

  test('an artifact: its bytes, its own type, to be saved and not to be opened', async () => {
    const content = Buffer.from('<script>alert(1)</script>\0\xff', 'latin1');
    const sha256 = createHash('sha256').update(content).digest('hex');
    await world.artifacts.put(content, 'text/html');
    world.readModel.refs = [{ name: 'ib-1.html', sha256, bytes: content.length, contentType: 'text/html' }];
    const path = `/api/v1/workflow/${ID}/artifacts/ib-1.html`;
    const { body, headers } = await get(path).buffer(true).parse(bytes).expect(200);
    expect(body.equals(content)).toBe(true);
    expect(headers).toMatchObject({
      'content-type': 'text/html',
      'content-length': String(content.length),
      'content-disposition': `attachment; filename="ib-1.html"; filename*=UTF-8''ib-1.html`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("default-src 'self'"),
      etag: `"${sha256}"`,
    });
    await get(path).set('If-None-Match', `"x", W/"${sha256}"`).expect(304);
    const head = await request(world.url).head(path).expect(200);
    expect(head.headers['content-length']).toBe(String(content.length));
    await get(path.replace('ib-1', 'ib-2')).expect(404);
  });

  test('definitions and agents: what is installed', async () => {
    const { body } = await get('/api/v1/workflow/definitions').expect(200);
    expect(body.data.definitions[0]).toMatchObject({
      name: 'demo',
      document_type: 'ib',
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(body.data.definitions[0].steps[0]).toEqual({
      name: 'enrich',
      agent: 'enrich',
      required: true,
      timeout_minutes: 1,
      heartbeat_timeout_seconds: null,
      retry_on_failure: true,
      max_retries: 3,
      on_exhausted: 'fail',
      running_state: 'enriching',
      completed_state: 'enriched',
      weight: 1,
    });
  });

  test('health: alive as long as it answers, ready when all it needs is there', async () => {
    expect((await get('/health/live').expect(200)).body).toEqual({ success: true, data: { live: true } });
    expect((await get('/health/ready').expect(200)).body.data).toEqual({
      ready: true,
      checks: { postgres: { ok: true } },
    });
    const checks = { postgres: { ok: true }, event_log: { ok: false, detail: 'no answer within 2 s' } };
    world.health.report = { ready: false, checks };
    const { body, headers } = await get('/health/ready').expect(503);
    expect(body.error).toEqual({
      code: 'NOT_READY',
      message: expect.stringContaining('event_log'),
      details: { ready: false, checks },
    });
    expect(headers['retry-after']).toBe('1');
    await get('/health/live').expect(200);
  });
});

const bytes = (response: request.Response, done: (error: Error | null, body: Buffer) => void) => {
  const chunks: Buffer[] = [];
  const stream = response as unknown as NodeJS.ReadableStream;
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => done(null, Buffer.concat(chunks)));
};
