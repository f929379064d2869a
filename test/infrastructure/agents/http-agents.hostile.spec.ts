/** Agents that break off, hang, drip, or answer with what is no answer. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { AgentReply, Deferred } from '../../../src/application/agents/agents.js';
import { HttpAgents } from '../../../src/infrastructure/agents/http-agents.js';
import { defaultAgentLimits } from '../../../src/infrastructure/agents/limits.js';
import { SystemClock } from '../../../src/infrastructure/system/system-clock.js';
import { eventually } from '../../support/eventually.js';
import { aCall } from './a-call.js';
import { serveAgent, serveBytes, type AgentServer } from './agent-server.js';

const answerBytes = 100_000;
const agents = new HttpAgents(new SystemClock(), { ...defaultAgentLimits, answerBytes, connectTimeoutMs: 2000 });
const servers: AgentServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
afterAll(() => agents.close());

const http = async (answer: (response: ServerResponse) => void): Promise<URL> => {
  servers.push(await serveAgent(answer));
  return servers.at(-1)!.url;
};
const bytes = async (talk: (socket: Socket) => void): Promise<URL> => {
  servers.push(await serveBytes(talk));
  return servers.at(-1)!.url;
};
const body = (content: string | Buffer, headers: Record<string, string> = {}) =>
  http((response) => void response.writeHead(200, headers).end(content));

const transient = (code: string) => ({ success: false, error: { type: 'transient', code }, retryAfterMs: null });
const messageOf = (reply: AgentReply | Deferred) => ('success' in reply && !reply.success ? reply.error.message : '');

describe('the connection', () => {
  test('that is refused is a network error', async () => {
    const url = await body('');
    await servers.pop()!.close();
    expect(await agents.call(aCall(), url)).toMatchObject(transient('NETWORK'));
  });

  test('to a host without an address is a network error', async () => {
    const reply = await agents.call(aCall(), new URL('http://nobody.invalid/api'));
    expect(reply).toMatchObject(transient('NETWORK'));
  });

  test('that speaks no TLS is a network error', async () => {
    const url = await bytes((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    url.protocol = 'https:';
    expect(await agents.call(aCall(), url)).toMatchObject(transient('NETWORK'));
  });

  test.each<[string, (socket: Socket) => void]>([
    ['is closed before an answer', (socket) => socket.end()],
    ['is reset before an answer', (socket) => socket.resetAndDestroy()],
    [
      'is reset within the headers',
      (socket) => socket.write('HTTP/1.1 200 OK\r\nCont', () => socket.resetAndDestroy()),
    ],
    [
      'is closed within the body',
      (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"success":true'),
    ],
    [
      'is closed within a chunk',
      (socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{"success":true'),
    ],
  ])('that %s is a network error', async (_, talk) => {
    const reply = await agents.call(aCall(), await bytes(talk));
    expect(reply).toMatchObject(transient('NETWORK'));
    expect(messageOf(reply)).toContain('Agent "regdata" at http://127.0.0.1:');
  });

  test('that does not speak HTTP gives an invalid answer', async () => {
    const reply = await agents.call(aCall(), await bytes((socket) => socket.end('220 mail.example ESMTP\r\n')));
    expect(reply).toMatchObject(transient('INVALID_ANSWER'));
  });

  test('with endless headers gives an answer that is too large', async () => {
    const url = await bytes((socket) => socket.write(`HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(100_000)}\r\n`));
    expect(await agents.call(aCall(), url)).toMatchObject(transient('ANSWER_TOO_LARGE'));
  });

  test('that answers twice is taken at its first word, and the next call at its own', async () => {
    const one = (data: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${data.length}\r\n\r\n${data}`;
    const url = await bytes((socket) =>
      socket.write(one('{"success":true,"data":{"n":1}}') + one('{"success":true,"data":{"n":2}}')),
    );
    expect(await agents.call(aCall(), url)).toMatchObject({ success: true, data: { n: 1 } });
    expect(await agents.call(aCall(), url)).toMatchObject({ success: true, data: { n: 1 } });
  });
});

describe('the body', () => {
  test.each<[string, string | Buffer, RegExp]>([
    ['nothing', '', /it is empty/],
    ['HTML', '<!doctype html><title>Login</title>', /it is not JSON/],
    ['truncated JSON', '{"success":true,"data":{', /it is not JSON/],
    ['JSON of another shape', '{"ok":true}', /success/],
    ['a JSON text', '"fine"', /expected object/i],
    ['null', 'null', /expected object/i],
    ['an error of an unknown type', '{"success":false,"error":{"type":"odd","message":"m","code":"C"}}', /error\.type/],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]), /UTF-8/],
    ['U+0000', '{"success":true,"data":{"a":"\\u0000"}}', /cannot be stored/],
    ['half of a surrogate pair', '{"success":true,"data":{"\\ud83d":1}}', /cannot be stored/],
    ['__proto__', '{"success":true,"data":{"__proto__":{"a":1}}}', /__proto__/],
    ['constructor', '{"success":true,"data":{"a":[{"constructor":1}]}}', /constructor/],
    ['ten thousand levels', `{"success":true,"data":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, /100 levels/],
  ])('of %s is an invalid answer', async (_, content, problem) => {
    const reply = await agents.call(aCall(), await body(content, { 'content-type': 'text/plain' }));
    expect(reply).toMatchObject(transient('INVALID_ANSWER'));
    expect(messageOf(reply)).toMatch(problem);
    expect(messageOf(reply)).not.toContain('Login');
  });

  test('of 10 MB is too large', async () => {
    const reply = await agents.call(aCall(), await body(Buffer.alloc(10_000_000, 32)));
    expect(reply).toMatchObject(transient('ANSWER_TOO_LARGE'));
    expect(messageOf(reply)).toContain('at most 100000 bytes');
  });

  test('without end is too large, and its connection is closed', async () => {
    let closed = false;
    const url = await http((response) => {
      const more = () => {
        while (!closed && response.write('x'.repeat(1000)));
      };
      response.on('drain', more).on('close', () => (closed = true));
      more();
    });
    expect(await agents.call(aCall(), url)).toMatchObject(transient('ANSWER_TOO_LARGE'));
    await eventually(() => closed);
  });

  test.each(['gzip', 'br', 'deflate', 'gzip, gzip'])('in %s is refused without being unpacked', async (encoding) => {
    const bomb = gzipSync(Buffer.alloc(20_000_000, 32));
    expect(bomb.length).toBeLessThan(answerBytes);
    const reply = await agents.call(aCall(), await body(bomb, { 'content-encoding': encoding }));
    expect(reply).toMatchObject(transient('INVALID_ANSWER'));
    expect(messageOf(reply)).toContain('compressed');
  });
});

describe('an agent that takes its time', () => {
  const start = '{"success":true,"data":{"text":"';
  const cases: [string, (response: ServerResponse) => void][] = [
    ['hangs before the headers', () => undefined],
    ['hangs after the headers', (response) => response.writeHead(200).flushHeaders()],
    ['hangs in the body', (response) => void response.writeHead(200).write(start)],
    ['hangs in the body of an error', (response) => void response.writeHead(404).write(start)],
    [
      'drips',
      (response) => {
        const timer = setInterval(() => response.write('x'), 5);
        response.on('close', () => clearInterval(timer)).write(start);
      },
    ],
  ];

  test.each(cases)('and %s ends with the deadline, at once, and loses its connection', async (_, answer) => {
    const abort = new AbortController();
    let response: ServerResponse | undefined;
    const url = await http((one) => answer((response = one)));
    const call = agents.call(aCall({ signal: abort.signal }), url);
    await eventually(() => response !== undefined && (!response.headersSent || response.socket!.bytesWritten > 0));
    const closed = once(response!, 'close');
    const before = performance.now();
    abort.abort('deadline');
    expect(await call).toMatchObject(transient('TIMEOUT'));
    expect(performance.now() - before).toBeLessThan(500);
    await closed;
  });

  test('and hangs before it is connected ends with the deadline, or when connecting takes too long', async () => {
    let greeted = 0;
    const url = await bytes(() => void greeted++);
    url.protocol = 'https:';
    const abort = new AbortController();
    const call = agents.call(aCall({ signal: abort.signal }), url);
    await eventually(() => greeted === 1);
    const before = performance.now();
    abort.abort('deadline');
    expect(await call).toMatchObject(transient('TIMEOUT'));
    expect(performance.now() - before).toBeLessThan(500);
    const hasty = new HttpAgents(new SystemClock(), { ...defaultAgentLimits, connectTimeoutMs: 50 });
    expect(await hasty.call(aCall(), url)).toMatchObject(transient('NETWORK'));
    await hasty.close();
  });

  test('and answers late is not heard, and does no harm', async () => {
    const abort = new AbortController();
    let response: ServerResponse | undefined;
    const url = await http((one) => void (response = one));
    const call = agents.call(aCall({ signal: abort.signal }), url);
    await eventually(() => response !== undefined);
    abort.abort('over');
    response!.end('{"success":true,"data":{"late":true}}');
    expect(await call).toMatchObject(transient('ABORTED'));
    const next = agents.call(aCall(), url);
    const late = response;
    await eventually(() => response !== late);
    response!.end('{"success":true,"data":{"late":false}}');
    expect(await next).toMatchObject({ success: true, data: { late: false } });
  });

  test('is not called when the signal is aborted already', async () => {
    const url = await body('{"success":true}');
    const reply = await agents.call(aCall({ signal: AbortSignal.abort('over') }), url);
    expect(reply).toMatchObject(transient('ABORTED'));
    expect(servers[0]!.received).toHaveLength(0);
  });

  test('is given up when this client is closed', async () => {
    const own = new HttpAgents(new SystemClock(), defaultAgentLimits);
    let asked = false;
    const call = own.call(aCall(), await http(() => void (asked = true)));
    await eventually(() => asked);
    await own.close();
    expect(await call).toMatchObject(transient('NETWORK'));
  });
});
