import request from 'supertest';
import { startHttp, type HttpWorld } from './http-app.js';

const START = { project_id: 'uuid', document_type: 'ib', triggered_by: 'user-uuid', auto_execute: true };
const UNKNOWN = '99999999-9999-4999-8999-999999999999';

describe('commands over HTTP', () => {
  let world: HttpWorld;
  beforeEach(async () => (world = await startHttp()));
  afterEach(() => world.finish());

  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    request(world.url).post(`/api/v1/workflow/${path}`).set(headers).send(body);
  const start = async (body: object = START, headers = {}) =>
    (await post('start', body, headers).expect(201)).body.data;

  test('start answers created and 0 %, whatever the saga has begun', async () => {
    const metadata = { user_preferences: { language: 'en' } };
    const { body, headers } = await post('start', { ...START, metadata }).expect(201);
    const id = body.data.execution.id;
    expect(body).toEqual({
      success: true,
      data: {
        execution: {
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          project_id: 'uuid',
          document_type: 'ib',
          workflow_name: 'demo',
          triggered_by: 'user-uuid',
          auto_execute: true,
          current_state: 'created',
          current_step: null,
          percent_complete: 0,
          metadata,
          created_at: '2030-01-01T00:00:00.000Z',
          revision: '1',
        },
        started: true,
        revision: '1',
        position: '200',
      },
    });
    expect(headers['location']).toBe(`/executor/api/v1/workflow?execution_id=${id}`);
    expect((await world.history(id)).map(({ type }) => type)).toEqual(['WorkflowStarted', 'StepStarted']);
  });

  test('auto_execute is true and metadata empty unless the request sets them; null is the same as absent', async () => {
    const plain = await start({ project_id: 'p', document_type: 'ib' });
    expect(plain).toMatchObject({ started: true, execution: { auto_execute: true, metadata: {}, triggered_by: null } });
    const nulls = { triggered_by: null, auto_execute: null, metadata: null };
    expect(await start({ project_id: 'p', document_type: 'ib', ...nulls })).toMatchObject({ started: true });
    const manual = await start({ project_id: 'p', document_type: 'ib', auto_execute: false });
    expect(manual).toMatchObject({ started: false, revision: '0', execution: { auto_execute: false } });
  });

  test('a repeat under the same Idempotency-Key gets the answer of the first, another request is refused', async () => {
    const key = { 'Idempotency-Key': 'start-1' };
    const first = await start(START, key);
    await post('control', { execution_id: first.execution.id, action: 'cancel' }).expect(200);
    const again = await start(START, key);
    expect(again).toMatchObject({ started: true, position: null, execution: { current_state: 'created' } });
    expect({ ...again.execution, revision: null }).toEqual({ ...first.execution, revision: null });
    const { body } = await post('start', { ...START, project_id: 'other' }, key).expect(422);
    expect(body).toMatchObject({ success: false, error: { code: 'IDEMPOTENCY_KEY_REUSED' } });
  });

  test('the id of the request is in its own events, and in no others', async () => {
    const { execution } = await start(START, { 'X-Request-Id': 'request-1' });
    const { headers } = await post('control', { execution_id: execution.id, action: 'pause' }).expect(200);
    const events = await world.history(execution.id);
    const ids = events.map(({ type, metadata }) => [type, (metadata as Record<string, unknown>)['requestId']]);
    expect(ids).toEqual([
      ['WorkflowStarted', 'request-1'],
      ['StepStarted', undefined],
      ['WorkflowPaused', headers['x-request-id']],
    ]);
    await request(world.url)
      .post('/api/v1/workflow/agents/enrich/hold')
      .set('X-Request-Id', 'request-2')
      .send({ reason: 'r' })
      .expect(200);
    expect(world.appended.at(-1)?.metadata).toMatchObject({ requestId: 'request-2' });
  });

  test('the caller, the reason and the trace context are in the events', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const { execution } = await start(START, { traceparent });
    await post('control', { execution_id: execution.id, action: 'pause', actor_id: 'bob', reason: 'lunch' }).expect(
      200,
    );
    await post('control', { execution_id: execution.id, action: 'resume' }, { traceparent: 'nonsense' }).expect(200);
    const metadata = (await world.history(execution.id)).map((event) => event.metadata as Record<string, unknown>);
    expect(metadata[0]).toMatchObject({ actor: { type: 'user', id: 'user-uuid' }, reason: null, traceparent });
    expect(metadata[2]).toMatchObject({ actor: { type: 'user', id: 'bob' }, reason: 'lunch', traceparent: null });
    expect(metadata[3]).toMatchObject({ actor: { type: 'user', id: 'anonymous' }, traceparent: null });
  });

  test('a caller can claim to be a service, and neither an agent nor the system', async () => {
    const service = { 'X-Actor-Type': 'service' };
    const { execution } = await start({ ...START, triggered_by: 'scheduler' }, service);
    const pause = { execution_id: execution.id, action: 'pause', actor_id: 'monitor' };
    await post('control', pause, service).expect(200);
    const actors = (await world.history(execution.id)).map((event) => (event.metadata as { actor: unknown }).actor);
    expect(actors[0]).toEqual({ type: 'service', id: 'scheduler' });
    expect(actors[2]).toEqual({ type: 'service', id: 'monitor' });
    for (const type of ['agent', 'system', '', 'Service']) {
      const resume = { execution_id: execution.id, action: 'resume' };
      const { body } = await post('control', resume, { 'X-Actor-Type': type }).expect(400);
      expect(body.error.message).toContain('X-Actor-Type: expected user or service');
    }
  });

  test('control answers the new state, what is allowed in it, revision and position', async () => {
    const { execution } = await start();
    const { body } = await post('control', { execution_id: execution.id.toUpperCase(), action: 'pause' }).expect(200);
    expect(body.data).toEqual({
      execution: {
        id: execution.id,
        project_id: 'uuid',
        document_type: 'ib',
        current_state: 'paused',
        pause_state: 'pausing',
        drained: false,
        current_step: 'enrich',
        next_step: null,
        percent_complete: 0,
        allowed_actions: ['resume', 'retry', 'remaining', 'cancel'],
        revision: '2',
      },
      changed: true,
      revision: '2',
      position: '300',
    });
    const again = await post('control', { execution_id: execution.id, action: 'pause' }).expect(200);
    expect(again.body.data).toMatchObject({ changed: false, revision: '2', position: null });
  });

  test('retry names the step; the step of another execution is not found', async () => {
    const { execution } = await start();
    const stepStarted = (await world.history(execution.id))[1]?.data as { stepId: string };
    const retry = { execution_id: execution.id, action: 'retry', step_id: stepStarted.stepId.toUpperCase() };
    expect((await post('control', retry).expect(200)).body.data).toMatchObject({ changed: true });
    const { body } = await post('control', { ...retry, step_id: UNKNOWN }).expect(404);
    expect(body).toMatchObject({ success: false, error: { code: 'NOT_FOUND' } });
  });

  test('execute starts the next step, or all that remain', async () => {
    const { execution } = await start({ ...START, auto_execute: false });
    const one = await post('execute', { execution_id: execution.id, mode: 'next_step' }).expect(200);
    expect(one.body.data).toMatchObject({ changed: true, execution: { current_state: 'enriching' } });
    const all = await post('execute', { execution_id: execution.id, mode: 'remaining', reason: 'go' }).expect(200);
    expect(all.body.data.execution.allowed_actions).toEqual(['pause', 'retry', 'cancel']);
  });

  test('what the state does not allow is a conflict that names the state and what it allows', async () => {
    const { execution } = await start();
    const { body } = await post('execute', { execution_id: execution.id, mode: 'next_step' }).expect(409);
    expect(body).toEqual({
      success: false,
      error: {
        code: 'CONFLICT',
        message: expect.stringContaining('Cannot next_step'),
        details: { current_state: 'enriching', allowed_actions: ['pause', 'retry', 'cancel'] },
      },
    });
  });

  test('If-Match: an order is carried out at the revision it was made for, and at no other', async () => {
    const { execution } = await start();
    const pause = { execution_id: execution.id, action: 'pause' };
    const before = await world.history(execution.id);
    for (const revision of ['0', '2', '99']) {
      const { body } = await post('control', pause, { 'If-Match': `"${revision}"` }).expect(412);
      expect(body).toEqual({
        success: false,
        error: {
          code: 'REVISION_MISMATCH',
          message: `The execution is at revision 1, not at ${revision}: nothing was done`,
          details: {
            requested_revision: revision,
            actual_revision: '1',
            allowed_actions: ['pause', 'retry', 'cancel'],
          },
        },
      });
    }
    expect(await world.history(execution.id)).toEqual(before);
    const { body } = await post('control', pause, { 'If-Match': '"1"' }).expect(200);
    expect(body.data).toMatchObject({ changed: true, revision: '2' });
    await post('control', pause, { 'If-Match': '"1"' }).expect(412);
    await post('execute', { execution_id: execution.id, mode: 'remaining' }, { 'If-Match': '"1"' }).expect(412);
    await post('execute', { execution_id: execution.id, mode: 'remaining' }, { 'If-Match': ' "2" ' }).expect(200);
    await post('control', pause, { 'If-Match': '*' }).expect(200);
  });

  test('If-Match: of two callers that have seen the same revision the second is refused; a caller that repeats its own command is not', async () => {
    const { execution } = await start();
    const give = (action: string, key: string) =>
      post('control', { execution_id: execution.id, action }, { 'If-Match': '"1"', 'Idempotency-Key': key });
    const answers = await Promise.all([give('pause', 'a'), give('cancel', 'b')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
    const [done, key] = answers[0].status === 200 ? (['pause', 'a'] as const) : (['cancel', 'b'] as const);
    expect((await give(done, key).expect(200)).body.data).toMatchObject({ changed: false, revision: '2' });
  });

  test('If-Match: an execution that is not there is not found', async () => {
    const pause = { execution_id: UNKNOWN, action: 'pause' };
    await post('control', pause, { 'If-Match': '"0"' }).expect(404);
    await post('control', pause, { 'If-Match': '*' }).expect(404);
  });

  test.each([
    ['control', { action: 'pause' }],
    ['execute', { mode: 'remaining' }],
  ])('%s of an execution that does not exist is not found', async (path, body) => {
    const answer = await post(path, { execution_id: UNKNOWN, ...body }).expect(404);
    expect(answer.body).toMatchObject({ success: false, error: { code: 'NOT_FOUND', details: {} } });
  });

  test('an unknown document type is answered with the known types', async () => {
    const { body } = await post('start', { ...START, document_type: 'csr' }).expect(400);
    expect(body.error).toEqual({
      code: 'UNKNOWN_DOCUMENT_TYPE',
      message: 'document_type: expected one of ib, got "csr"',
      details: { expected: ['ib'], received: 'csr' },
    });
  });
});
