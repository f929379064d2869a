/** The one route whose authentication is in its path. */
import request from 'supertest';
import { defaultHttpLimits } from '../../../src/interfaces/http/server/json-body.js';
import { startHttp, type HttpWorld } from './http-app.js';

const START = { project_id: 'p', document_type: 'ib' };

describe('tasks over HTTP', () => {
  let world: HttpWorld;
  beforeEach(async () => (world = await startHttp({ ...defaultHttpLimits, taskBodyBytes: 5_000, bodyBytes: 1_000 })));
  afterEach(() => world.finish());

  const started = async () => {
    const { body } = await request(world.url).post('/api/v1/workflow/start').send(START).expect(201);
    const executionId: string = body.data.execution.id;
    const token = world.taskTokens.issue({ executionId, step: 'enrich', attempt: 1 });
    return { executionId, token, path: `/api/v1/workflow/tasks/${token}` };
  };
  const post = (path: string, body: object = { type: 'heartbeat' }) => request(world.url).post(path).send(body);

  test('a report may be as large as an answer, and no larger', async () => {
    const { path } = await started();
    await post(path, { type: 'complete', data: { text: 'x'.repeat(6_000) } }).expect(413);
    await post(path, { type: 'complete', data: { text: 'x'.repeat(4_000) } }).expect(200);
  });

  test('a report with a number that would become another is refused, and may be sent again', async () => {
    const { path } = await started();
    for (const numeral of ['1e400', '9007199254740993', 'NaN']) {
      const text = `{"type": "complete", "data": {"dose": [${numeral}]}}`;
      const { body } = await request(world.url)
        .post(path)
        .set('Content-Type', 'application/json')
        .send(text)
        .expect(400);
      expect(body.error.message).toMatch(numeral === 'NaN' ? /JSON/ : /^data\.dose\.0: expected a (whole )?number/);
    }
    await post(path, { type: 'complete', data: { dose: '9007199254740993' } }).expect(200);
  });

  test('without a token nothing is read: neither the size nor the type of a body makes a difference', async () => {
    const path = '/api/v1/workflow/tasks/forged';
    const first = await post(path).expect(404);
    for (const send of [
      post(path, { type: 'complete', data: 'x'.repeat(100_000) }),
      request(world.url).post(path).set('Content-Type', 'text/plain').send('hello'),
      request(world.url).post(path).set('Content-Type', 'application/json').send('{'),
      request(world.url).post(path),
      request(world.url).post(`${path}?deep=1`),
      request(world.url).post(`${path}/`),
    ]) {
      expect((await send.expect(404)).body).toEqual(first.body);
    }
    expect(first.body.error).toEqual({ code: 'NOT_FOUND', message: 'There is no such task', details: {} });
  });

  test('the usual strictness holds: method, parameters, type, JSON', async () => {
    const { path } = await started();
    await request(world.url).get(path).expect(405);
    await post(`${path}?percent=5`).expect(400);
    await request(world.url).post(path).set('Content-Type', 'text/plain').send('hello').expect(415);
    await request(world.url).post(path).set('Content-Type', 'application/json').send('{').expect(400);
    await post(path, { type: 'heartbeat', message: '\u0000' }).expect(400);
    await post(`${path}/more`).expect(404);
    await post(path).expect(200);
  });

  test('an agent may say how far it is while its connection is open', async () => {
    const { executionId, path } = await started();
    const { body } = await post(path, { type: 'heartbeat', percent: 50 }).expect(200);
    expect(body).toEqual({
      success: true,
      data: { continue: true, deadline_at: '2030-01-01T00:01:00.000Z', heartbeat_due_at: null },
    });
    const last = (await world.history(executionId)).at(-1);
    expect(last).toMatchObject({ type: 'StepProgressed', metadata: { summary: { percentComplete: 25 } } });
  });

  test('the trace of the report goes on in its events', async () => {
    const { executionId, path } = await started();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await post(path, { type: 'complete' }).set('traceparent', traceparent).expect(200);
    const events = await world.history(executionId);
    expect(events.slice(2).map(({ metadata }) => (metadata as { traceparent: string }).traceparent)).toEqual([
      traceparent,
      traceparent,
    ]);
  });

  test('a failure on this side is logged without the token, and the agent may try again', async () => {
    const { token, path } = await started();
    const put = world.artifacts.put.bind(world.artifacts);
    world.artifacts.put = async () => {
      throw new Error('no space left');
    };
    const file = { name: 'a.txt', content_type: 'text/plain', content_base64: 'aGk=' };
    await post(path, { type: 'complete', artifacts: [file] }).expect(500);
    expect(world.logged).toEqual([expect.stringContaining('POST /api/v1/workflow/tasks/[token] (request')]);
    expect(world.logged.join()).not.toContain(token);
    world.artifacts.put = put;
    await post(path, { type: 'complete', artifacts: [file] }).expect(200);
  });
});
