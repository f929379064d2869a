/** What goes wrong on this side of the interface, and what a caller gets to see of it. */
import request from 'supertest';
import { NotReady } from '../../../src/application/runtime/errors.js';
import {
  AppendOutcomeUnknown,
  AppendRefused,
  AppendsPaused,
  LogUnavailable,
  RevisionConflict,
} from '../../../src/application/log/event-log.js';
import { InvalidCursor } from '../../../src/application/queries/read-model.js';
import { executionRow, startHttp, type HttpWorld } from './http-app.js';

const LIST = '/api/v1/workflow/executions';
const SECRET = 'postgres://user:hunter2@db.internal:5432';

const NOT_DONE = { outcome: 'not_carried_out' };
const UNKNOWN = { outcome: 'unknown' };

describe('failures', () => {
  let world: HttpWorld;
  beforeAll(async () => (world = await startHttp()));
  beforeEach(() => (world.logged.length = 0));
  afterAll(() => world.finish());

  const failing = (failure: Error) => {
    world.readModel.failure = failure;
    return request(world.url).get(LIST);
  };

  test('an unexpected error is answered with the request id; the log has the whole error', async () => {
    const { body, headers } = await failing(new TypeError(`no connection to ${SECRET}`)).expect(500);
    const id = headers['x-request-id'];
    expect(body).toEqual({
      success: false,
      error: { code: 'INTERNAL_ERROR', message: expect.stringContaining(id ?? '?'), details: { request_id: id } },
    });
    expect(JSON.stringify(body)).not.toMatch(/hunter2|TypeError|\.ts/);
    expect(world.logged).toEqual([expect.stringMatching(new RegExp(`GET ${LIST} \\(request ${id}\\): TypeError`))]);
  });

  test('a request id of the caller is kept where it is fit for a log', async () => {
    const sent = async (id: string) => (await failing(new Error('x')).set('X-Request-Id', id)).headers['x-request-id'];
    expect(await sent('build-17.a')).toBe('build-17.a');
    expect(await sent('a b')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await sent('a'.repeat(129))).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('what throws something else than an error is an internal error as well', async () => {
    await failing('a string' as unknown as Error).expect(500);
    expect(world.logged).toEqual([expect.stringContaining('a string')]);
  });

  test.each([
    [new NotReady('The read tables are being built; ask again'), 'NOT_READY', /being built/, {}],
    [new LogUnavailable(`no answer from ${SECRET}`), 'EVENT_LOG_UNAVAILABLE', /was not carried out/, NOT_DONE],
    [new AppendsPaused('not tried'), 'EVENT_LOG_UNAVAILABLE', /was not carried out/, NOT_DONE],
    [new AppendOutcomeUnknown(`no answer from ${SECRET}`), 'EVENT_LOG_UNAVAILABLE', /may or may not/, UNKNOWN],
    [new AppendRefused('denied', `denied for ${SECRET}`), 'EVENT_LOG_DENIED', /was not carried out/, NOT_DONE],
    [new RevisionConflict('workflow-1', 1n, 2n), 'BUSY', /nothing was done/, {}],
  ])('%s is a matter of time', async (failure, code, message, details) => {
    const { body, headers } = await failing(failure).expect(503);
    expect(body).toEqual({ success: false, error: { code, message: expect.stringMatching(message), details } });
    expect(JSON.stringify(body)).not.toContain('hunter2');
    expect(headers['retry-after']).toBe('1');
    expect(world.logged).toEqual([expect.stringMatching(`GET ${LIST} .*request .*: ${code}, `)]);
    expect(world.logged[0]).not.toMatch(/\n/);
  });

  test.each([
    ['too-large', 413, 'EVENT_TOO_LARGE'],
    ['invalid', 500, 'EVENT_LOG_REFUSED'],
  ] as const)('an append refused for good as %s was not carried out', async (reason, status, code) => {
    const { body, headers } = await failing(new AppendRefused(reason, SECRET)).expect(status);
    const message = expect.stringContaining('was not carried out') as string;
    expect(body).toEqual({ success: false, error: { code, message, details: NOT_DONE } });
    expect(headers['retry-after']).toBeUndefined();
  });

  test('an execution that is held back says so, and why', async () => {
    const id = '11111111-1111-4111-8111-111111111111';
    const ask = () => request(world.url).get(`/api/v1/workflow?execution_id=${id}`).expect(200);
    world.readModel.failure = null;
    world.readModel.execution = executionRow({ id });
    const before = await ask();
    expect(before.body.data).not.toHaveProperty('held_back');
    const since = new Date('2030-01-01T00:00:00.000Z');
    world.heldBack.hold(id, { reason: 'denied', message: 'Append was denied', since });
    const { body, headers } = await ask().set('If-None-Match', before.headers['etag'] ?? '');
    expect(body.data.held_back).toEqual({ reason: 'denied', message: 'Append was denied', since: since.toISOString() });
    expect(headers['etag']).not.toBe(before.headers['etag']);
  });

  test('a cursor that the read side did not give out is named', async () => {
    world.readModel.failure = new InvalidCursor('no');
    const { body } = await request(world.url).get(`${LIST}?cursor=abc`).expect(400);
    expect(body.error).toMatchObject({ code: 'INVALID_CURSOR', details: [{ field: 'cursor', received: '"abc"' }] });
    expect(world.logged).toEqual([]);
  });

  test('every answer carries the headers that keep a browser from harm', async () => {
    world.readModel.failure = null;
    const { headers } = await request(world.url).get(LIST).expect(200);
    expect(headers).toMatchObject({
      'content-security-policy': expect.any(String),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      'cache-control': 'private, no-cache',
    });
    expect(headers).not.toHaveProperty('x-powered-by');
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('a 405 names what is possible', async () => {
    const { body, headers } = await request(world.url).put('/api/v1/workflow?execution_id=1').expect(405);
    expect(headers['allow']).toBe('GET, HEAD');
    expect(body.error.details).toEqual({ allowed_methods: ['GET', 'HEAD'] });
  });
});
