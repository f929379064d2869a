import type { ServerResponse } from 'node:http';
import type { AgentReply, Deferred } from '../../../src/application/agents/agents.js';
import { HttpAgents } from '../../../src/infrastructure/agents/http-agents.js';
import { defaultAgentLimits } from '../../../src/infrastructure/agents/limits.js';
import { aCall, StoppedClock } from './a-call.js';
import { serveAgent, type AgentServer } from './agent-server.js';

const clock = new StoppedClock(new Date('2026-03-01T12:00:00.000Z'));
const agents = new HttpAgents(clock, { ...defaultAgentLimits, requestBytes: 2000, messageLength: 300 });
let server: AgentServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});
afterAll(() => agents.close());

const callOne = async (answer: (response: ServerResponse) => void, call = aCall()): Promise<AgentReply | Deferred> => {
  server = await serveAgent(answer);
  return agents.call(call, server.url);
};

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

const errorOf = (reply: AgentReply | Deferred) =>
  'success' in reply && !reply.success ? { ...reply.error, retryAfterMs: reply.retryAfterMs } : reply;

describe('a call', () => {
  test('posts the input as JSON, with the headers an agent is promised', async () => {
    await callOne(json(200, { success: true, data: {} }));
    const [{ method, path, headers, body }] = server!.received as [AgentServer['received'][number]];
    expect({ method, path, body: JSON.parse(body) as unknown }).toEqual({
      method: 'POST',
      path: '/api/v1/enrich',
      body: aCall().input,
    });
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'accept-encoding': 'identity',
      'idempotency-key': '5b8f7a52-7a5e-4df0-8d8e-0d1d4e1f2a10:enrich:1',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      'x-deadline': '2031-05-06T07:08:09.010Z',
    });
    expect(headers).not.toHaveProperty('authorization');
  });

  test('takes the data, the metadata and the files of an answer', async () => {
    const artifacts = [{ name: 'ib.pdf', content_type: 'application/pdf', content_base64: 'JVBERg==', pages: 3 }];
    const reply = await callOne(
      json(200, { success: true, data: { facts: [1] }, metadata: { model_used: 'm' }, artifacts, more: 1 }),
    );
    expect(reply).toEqual({
      success: true,
      data: { facts: [1] },
      metadata: { model_used: 'm' },
      artifacts: [{ name: 'ib.pdf', contentType: 'application/pdf', content: Buffer.from('%PDF') }],
    });
  });

  test('sends user and password of a URL as a header, and shows neither', async () => {
    server = await serveAgent(json(500, 'no'));
    const url = new URL(server.url);
    [url.username, url.password, url.search] = ['me', 's3cret%', '?key=t0ken'];
    const reply = await agents.call(aCall(), url);
    expect(server.received[0]).toMatchObject({
      path: '/api/v1/enrich?key=t0ken',
      headers: { authorization: `Basic ${Buffer.from('me:s3cret%').toString('base64')}` },
    });
    expect(JSON.stringify(reply)).toContain('127.0.0.1');
    expect(JSON.stringify(reply)).not.toMatch(/s3cret|t0ken|me:/);
  });

  test('with an input over the limit is not sent', async () => {
    const input = { ...aCall().input, metadata: { text: 'x'.repeat(3000) } };
    const reply = await callOne(json(200, { success: true }), aCall({ input }));
    expect(errorOf(reply)).toMatchObject({ type: 'validation', code: 'REQUEST_TOO_LARGE' });
    expect(server!.received).toHaveLength(0);
  });

  test('leaves its connection to later ones', async () => {
    const ports = new Set<number | undefined>();
    server = await serveAgent((response) => {
      ports.add(response.socket?.remotePort);
      json(200, { success: true })(response);
    });
    for (let n = 0; n < 10; n++) expect(await agents.call(aCall(), server.url)).toMatchObject({ success: true });
    // A call that begins in the very moment another ends may open a second one.
    expect(ports.size).toBeLessThanOrEqual(2);
  });
});

describe('a status', () => {
  const classes = {
    transient: [408, 425, 429, 500, 502, 503, 504, 505, 507, 511, 599, 600, 999],
    validation: [400, 409, 413, 422],
    fatal: [401, 402, 403, 404, 405, 406, 410, 415, 418, 451, 501],
  };
  const cases = Object.entries(classes).flatMap(([type, list]) => list.map((status) => [status, type] as const));

  test.each(cases)('%i without a word of the agent is %s', async (status, type) => {
    const reply = await callOne((response) => void response.writeHead(status).end('<h1>no</h1>'));
    expect(errorOf(reply)).toMatchObject({ type, code: `HTTP_${status}`, retryAfterMs: null });
    expect(errorOf(reply)).toHaveProperty('message', expect.stringContaining('Agent "regdata" at http://127.0.0.1:'));
  });

  test.each([200, 202, 400, 401, 429, 500, 503])('%i gives way to the class in the body', async (status) => {
    const error = { type: 'fatal', message: 'No licence', code: 'LICENCE' };
    const reply = await callOne(json(status, { success: false, error }, { 'retry-after': '7' }));
    expect(reply).toEqual({ success: false, error, retryAfterMs: 7000 });
  });

  test('takes the wait in the body before the one in the header', async () => {
    const error = { type: 'transient', message: 'Busy', code: 'BUSY' };
    const reply = await callOne(json(503, { success: false, error, retry_after: 2.5 }, { 'retry-after': '7' }));
    expect(reply).toEqual({ success: false, error, retryAfterMs: 2500 });
  });

  test('shows the message of a body that names no class', async () => {
    const reply = await callOne(
      json(400, { success: false, error: { code: 'BAD', message: 'project_id is missing' } }),
    );
    expect(errorOf(reply)).toMatchObject({ type: 'validation', code: 'HTTP_400' });
    expect(errorOf(reply)).toHaveProperty('message', expect.stringContaining('project_id is missing'));
  });

  test('counts even where its body claims success', async () => {
    const reply = await callOne(json(500, { success: true, data: {} }));
    expect(errorOf(reply)).toMatchObject({ type: 'transient', code: 'HTTP_500' });
  });

  test('counts even where its body breaks off', async () => {
    const reply = await callOne((response) => {
      response.writeHead(404, { 'content-length': '100' }).write('{');
      response.socket!.end();
    });
    expect(errorOf(reply)).toMatchObject({ type: 'fatal', code: 'HTTP_404' });
  });

  test.each([
    ['3', 3000],
    ['0', 0],
    ['Sun, 01 Mar 2026 12:00:05 GMT', 5000],
    ['Sun, 01 Mar 2026 11:00:00 GMT', 0],
    ['99999999999999999999', defaultAgentLimits.retryAfterMs],
    ['soon', null],
  ])('429 with Retry-After: %s waits %p ms', async (header, expected) => {
    const date = 'Sun, 01 Mar 2026 12:00:00 GMT';
    const reply = await callOne((response) => void response.writeHead(429, { 'retry-after': header, date }).end());
    expect(errorOf(reply)).toMatchObject({ type: 'transient', code: 'HTTP_429', retryAfterMs: expected });
  });

  test.each([-60_000, -6_000, 0, 6_000, 60_000])(
    'waits as long as an agent asks whose clock differs by %p ms',
    async (ms) => {
      const at = Date.parse('2026-03-01T12:00:00Z') + ms;
      const [date, header] = [new Date(at).toUTCString(), new Date(at + 5_000).toUTCString()];
      const reply = await callOne((response) => void response.writeHead(429, { 'retry-after': header, date }).end());
      expect(errorOf(reply)).toMatchObject({ retryAfterMs: 5_000 });
    },
  );

  test('an agent that sends no Date is taken to have the clock of this machine', async () => {
    const header = 'Sun, 01 Mar 2026 12:00:05 GMT';
    const reply = await callOne((response) => {
      response.sendDate = false;
      response.writeHead(429, { 'retry-after': header }).end();
    });
    expect(errorOf(reply)).toMatchObject({ retryAfterMs: 5_000 });
  });

  test.each([300, 301, 302, 303, 304, 307, 308])('%i is fatal and not followed', async (status) => {
    const elsewhere = await serveAgent(json(200, { success: true }));
    try {
      const location = elsewhere.url.href;
      const reply = await callOne((response) => void response.writeHead(status, { location }).end());
      expect(errorOf(reply)).toMatchObject({ type: 'fatal', code: 'REDIRECT' });
      expect(elsewhere.received).toHaveLength(0);
    } finally {
      await elsewhere.close();
    }
  });

  test('a redirect to a link-local address is fatal at once', async () => {
    const location = 'http://169.254.169.254/latest/meta-data/';
    const reply = await callOne((response) => void response.writeHead(307, { location }).end());
    expect(errorOf(reply)).toMatchObject({ type: 'fatal', code: 'REDIRECT' });
  });
});

describe('a task offer', () => {
  const offer = { token: 'T'.repeat(80), url: 'https://executor.example/api/v1/workflow/tasks/TTT' };
  const offering = new HttpAgents(clock, defaultAgentLimits, () => offer);
  afterAll(() => offering.close());
  const offered = async (status: number, body: unknown) => {
    server = await serveAgent(json(status, body));
    return offering.call(aCall(), server.url);
  };

  test('goes with the call, and is taken by a 202 that names the token', async () => {
    expect(await offered(202, { task_token: offer.token, eta: 'soon' })).toEqual({ deferred: true });
    expect(server!.received[0]!.headers).toMatchObject({ 'x-task-token': offer.token, 'x-task-url': offer.url });
  });

  test('need not be taken: a result is a result, whatever its status of success', async () => {
    const result = { success: true, data: { a: 1 }, metadata: {}, artifacts: [] };
    expect(await offered(200, { success: true, data: { a: 1 } })).toEqual(result);
    await server!.close();
    expect(await offered(202, { success: true, data: { a: 1 } })).toEqual(result);
  });

  test.each<[string, number, unknown]>([
    ['another token', 202, { task_token: 'U'.repeat(80) }],
    ['no token', 202, { queued: true }],
    ['nothing', 202, null],
    ['a token with the wrong status', 200, { task_token: offer.token }],
  ])('is not taken by %s: that answer means nothing', async (_, status, body) => {
    const reply = errorOf(await offered(status, body));
    expect(reply).toMatchObject({ type: 'transient', code: 'INVALID_ANSWER' });
    expect(JSON.stringify(reply)).not.toContain(offer.token);
  });

  test('is not taken by an error that repeats it', async () =>
    expect(errorOf(await offered(503, { task_token: offer.token }))).toMatchObject({ code: 'HTTP_503' }));

  test('is not made where no agent could report', async () => {
    await callOne(json(200, { success: true }));
    expect(Object.keys(server!.received[0]!.headers).filter((name) => name.startsWith('x-task'))).toEqual([]);
  });
});
