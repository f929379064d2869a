/** Errors as RFC 9457 has them, where the caller asks for them; the guide's envelope where it does not. */
import { startHttp, type HttpWorld } from './http-app.js';
import { send } from './send.js';

const PROBLEM = 'application/problem+json';
const LIST = '/api/v1/workflow/executions';

describe('an error', () => {
  let world: HttpWorld;
  beforeAll(async () => (world = await startHttp()));
  afterAll(() => world.finish());

  const asked = (
    accept: string | undefined,
    path = `${LIST}?limit=0`,
    more: Parameters<typeof send>[1] | object = {},
  ) => send(world.url, { path, headers: accept === undefined ? {} : { accept }, ...more });

  test.each([
    undefined,
    '*/*',
    'application/json',
    'application/*',
    'text/html',
    `application/json, ${PROBLEM};q=0.5`,
    `${PROBLEM};q=0`,
    `${PROBLEM};q=none`,
  ])('is the envelope where Accept is %s', async (accept) => {
    const { status, headers, json } = await asked(accept);
    expect([status, headers['content-type']]).toEqual([400, 'application/json; charset=utf-8']);
    expect(json).toMatchObject({ success: false, error: { code: 'INVALID_REQUEST' } });
    expect(String(headers['vary'])).toContain('Accept');
  });

  test.each([PROBLEM, `${PROBLEM}, application/json`, `application/json, ${PROBLEM}`, `text/html, ${PROBLEM};q=0.4`])(
    'is a problem where Accept is %s',
    async (accept) => {
      const { status, headers, text } = await asked(accept);
      expect([status, headers['content-type']]).toEqual([400, PROBLEM]);
      expect(JSON.parse(text)).toEqual({
        type: '/executor/docs#INVALID_REQUEST',
        title: 'Invalid request',
        status: 400,
        detail: expect.stringContaining('limit: expected'),
        instance: `/executor${LIST}`,
        code: 'INVALID_REQUEST',
        details: [expect.objectContaining({ field: 'limit' })],
      });
    },
  );

  test.each([
    ['GET', '/nowhere', 404, 'UNKNOWN_ROUTE'],
    ['PUT', LIST, 405, 'METHOD_NOT_ALLOWED'],
    ['GET', '/api/v1/workflow/%E0%A4%A/events', 400, 'INVALID_REQUEST'],
    ['POST', '/api/v1/workflow/start', 400, 'MALFORMED_JSON'],
  ])('is a problem wherever it arises: %s %s', async (method, path, status, code) => {
    const body = method === 'POST' ? '{' : undefined;
    const headers = { accept: PROBLEM, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const answer = await send(world.url, { method, path, headers, ...(body !== undefined && { body }) });
    const problem = JSON.parse(answer.text);
    expect([answer.status, answer.headers['content-type']]).toEqual([status, PROBLEM]);
    expect(problem).toMatchObject({ status, code, type: `/executor/docs#${code}` });
    expect(URL.canParse(problem.instance, 'http://any.invalid')).toBe(true);
    expect(problem.instance).toMatch(/^[A-Za-z0-9\-._~!$&'()*+,;=:@/%]+$/);
  });

  test('names no task token', async () => {
    const { text } = await asked(PROBLEM, '/api/v1/workflow/tasks/secret-token', {
      method: 'POST',
      headers: { accept: PROBLEM },
    });
    expect(text).not.toContain('secret-token');
    expect(JSON.parse(text).instance).toBe('/executor/api/v1/workflow/tasks/%5Btoken%5D');
  });
});

describe('the reference', () => {
  let world: HttpWorld;
  beforeAll(async () => (world = await startHttp()));
  afterAll(() => world.finish());

  test('is the committed document', async () => {
    const { status, headers, json } = await send(world.url, { path: '/openapi.json' });
    expect([status, json.openapi, json.servers[0].url]).toEqual([200, '3.1.0', '/executor']);
    expect(json.paths['/openapi.json'].get.operationId).toBe('getOpenApi');
    const known = { 'if-none-match': String(headers['etag']) };
    expect(await send(world.url, { path: '/openapi.json', headers: known })).toMatchObject({ status: 304, text: '' });
  });

  test('is a page that loads nothing, with an anchor for each operation and each code', async () => {
    const { status, headers, text } = await send(world.url, { path: '/docs' });
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(String(headers['content-security-policy'])).toMatch(
      /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
    );
    expect(text).not.toMatch(/<script|<img|<link|<iframe|\son\w+=|\sstyle=|\ssrc=/);
    for (const id of ['startExecution', 'getOpenApi', 'REVISION_MISMATCH', 'UNKNOWN_ROUTE', 'schema-Execution'])
      expect(text).toContain(`id="${id}"`);
    const anchors = new Set([...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    expect([...text.matchAll(/href="#([^"]+)"/g)].filter(([, id]) => !anchors.has(id))).toEqual([]);
  });
});
