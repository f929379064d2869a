/** A network's side of an instance: TLS of its own, a proxy in front, keys, and what one client may ask. */
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server as ProxyServer } from 'node:http';
import { request } from 'node:https';
import { connect as connectTcp, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { AccessDirectory } from '../../src/application/access/access-directory.js';
import { newKey } from '../../src/application/access/api-keys.js';
import type { Role } from '../../src/domain/access/permissions.js';
import { eventually } from '../support/eventually.js';
import { definitionsDir } from './support/definitions.js';
import { startTestApp, type TestApp } from './support/test-app.js';

const tlsFile = (name: string) => fileURLToPath(new URL(`../support/tls/${name}`, import.meta.url));

let app: TestApp;
let directory: string;
let definitions: string;
let ca: Buffer;
let proxy: ProxyServer;
let [port, proxyPort] = [0, 0];

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'edge-'));
  for (const end of ['pem', 'key']) await copyFile(tlsFile(`localhost.${end}`), path.join(directory, `server.${end}`));
  ca = await readFile(tlsFile('localhost.pem'));
  definitions = await definitionsDir([{ name: 'enrich', agent: 'regdata' }]);
  app = await startTestApp({
    ...{ HOST: '0.0.0.0', AUTH: 'keys', TRUSTED_PROXY: 'loopback', DEFINITIONS_DIR: definitions },
    TLS_CERT_FILE: path.join(directory, 'server.pem'),
    TLS_KEY_FILE: path.join(directory, 'server.key'),
    ...{ RATE_ADDRESS_REQUESTS_PER_SECOND: '2', RATE_REQUESTS_PER_SECOND: '2', RATE_STARTS_PER_MINUTE: '2' },
    ...{ MAX_STREAMS_PER_PRINCIPAL: '2', MAX_SOCKETS_PER_ADDRESS: '2', HEADERS_TIMEOUT_MS: '1000' },
  });
  port = Number(new URL(app.server.url).port);
  proxy = createServer((asked, response) => {
    const chain = [asked.headers['x-forwarded-for'], String(asked.headers['x-test-client'])].filter(Boolean).join(', ');
    const headers = { ...asked.headers, 'x-forwarded-for': chain, 'x-forwarded-proto': 'http' };
    const { method, url } = asked;
    const forwarded = request({ port, host: '127.0.0.1', ca, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    forwarded.on('error', () => response.destroy());
    response.on('close', () => forwarded.destroy());
    asked.pipe(forwarded);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  proxyPort = (proxy.address() as AddressInfo).port;
}, 60_000);

afterAll(async () => {
  proxy.closeAllConnections();
  proxy.close();
  await app.close();
  for (const each of [directory, definitions]) await rm(each, { recursive: true });
}, 60_000);

let keys = 0;
/** @returns the header of a service of its own */
const keyOf = async (role: Role) => {
  const { id, secretHash, key } = newKey((bytes) => new Uint8Array(bytes).fill(++keys));
  const by = { type: 'system', id: 'test' } as const;
  const at = new Date().toISOString();
  const limits = { keys: 100, grants: 100, blocked: 100 };
  const given = {
    id,
    secretHash,
    name: `service-${keys}`,
    grants: [{ role, projects: 'all' }] as const,
    by,
    at,
    limits,
  };
  const context = {
    commandId: `c${keys}`,
    at: new Date(at),
    actor: by,
    reason: null,
    causationId: null,
    traceparent: null,
  };
  const command = { type: 'CreateApiKey', data: { ...given, expiresAt: null, reason: null } } as const;
  await app.server.app.get(AccessDirectory).execute(command, context);
  return { authorization: `Bearer ${key}` };
};

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are JSON whose shape is what the tests assert */
type Answer = Readonly<{ status: number; headers: IncomingHttpHeaders; json: any }>;

/** By TLS, from 127.0.0.1 or for whom the headers say; `body` makes it a POST. */
const ask = (at: string, headers: Record<string, string> = {}, body?: unknown): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    const asked = request(
      { port, host: 'localhost', ca, method, path: at, headers: { ...json, ...headers } },
      (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('end', () =>
          resolve({ status: answer.statusCode!, headers: answer.headers, json: JSON.parse(text || '{}') }),
        );
      },
    );
    asked.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
/** Often enough, and within the limits. */
const SELDOM = { everyMs: 600 };
const LIST = '/api/v1/workflow/executions';
/** Each test is a client of its own, as a trusted proxy would name it. */
let clients = 0;
const from = () => ({ 'x-forwarded-for': `198.51.100.${++clients}`, 'x-forwarded-proto': 'https' });

test('serves TLS alone at its address, asks for a key, and tells browsers to keep to TLS', async () => {
  expect(app.server.url).toBe(`https://127.0.0.1:${port}`);
  const live = await ask('/health/live');
  expect([live.status, live.headers['strict-transport-security']]).toEqual([200, expect.stringContaining('max-age=')]);
  expect((await ask(LIST, from())).json.error.code).toBe('CREDENTIALS_MISSING');
  expect((await ask(LIST, { ...from(), ...(await keyOf('viewer')) })).status).toBe(200);
  await expect(fetch(`http://127.0.0.1:${port}/health/live`)).rejects.toThrow();
});

test('calls its own agents where no certificate names the address, and limits starts of a service over all instances', async () => {
  const key = await keyOf('starter');
  const start = () =>
    ask(
      '/api/v1/workflow/start',
      { ...from(), ...key },
      { project_id: 'metformin', document_type: 'test', triggered_by: 'ann' },
    );
  const started = await start();
  expect(started.status).toBe(201);
  expect((await start()).status).toBe(201);
  const refused = await start();
  expect([refused.status, refused.json.error]).toEqual([
    429,
    expect.objectContaining({
      code: 'TOO_MANY_REQUESTS',
      details: { limit: 'starts_per_principal', allowed: 2, per_seconds: 60 },
    }),
  ]);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(30);
  const id = started.json.data.execution.id;
  await eventually(async () => {
    const { json } = await ask(`/api/v1/workflow?execution_id=${id}`, { ...from(), ...key });
    if (json.data?.execution.current_state !== 'completed') throw new Error(JSON.stringify(json));
    return true;
  }, SELDOM);
}, 30_000);

test('a client that guesses keys is slowed down before any is looked at, whatever address it claims; others are not', async () => {
  const guess = (index: number, client: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = {
        ...{ authorization: `Bearer wfx_${index}`, 'x-test-client': client },
        ...{ 'x-forwarded-for': `198.51.100.${index}`, forwarded: `for=198.51.100.${index}` },
      };
      fetch(`http://127.0.0.1:${proxyPort}${LIST}`, { headers }).then(({ status }) => resolve(status), reject);
    });
  const statuses = await Promise.all(Array.from({ length: 50 }, (_, index) => guess(index, '203.0.113.7')));
  const counted = (status: number) => statuses.filter((each) => each === status).length;
  expect(counted(401) + counted(429)).toBe(50);
  expect([counted(401) >= 10, counted(429) > 0]).toEqual([true, true]);
  expect(await guess(1, '203.0.113.8')).toBe(401);
  const live = await fetch(`http://127.0.0.1:${proxyPort}/health/live`, {
    headers: { 'x-test-client': '203.0.113.7' },
  });
  expect([live.status, live.headers.get('strict-transport-security')]).toEqual([200, null]);
}, 30_000);

test('one service has so many requests and streams, wherever it asks from', async () => {
  const [busy, other] = [await keyOf('viewer'), await keyOf('viewer')];
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(LIST, { ...from(), ...busy })));
  const refused = answers.filter(({ status }) => status === 429);
  expect([refused.length > 0, answers.length - refused.length >= 10]).toEqual([true, true]);
  expect(refused[0]!.json.error.details).toEqual({ limit: 'requests_per_principal', allowed: 2, per_seconds: 1 });
  expect((await ask(LIST, { ...from(), ...other })).status).toBe(200);

  const STREAM = '/api/v1/workflow/stream';
  const open = async (key: object) => {
    const headers = { ...from(), ...key, accept: 'text/event-stream' };
    const asked = request({ port, host: 'localhost', ca, agent: false, path: STREAM, headers }).end();
    const [answer] = (await once(asked, 'response')) as [NodeJS.ReadableStream];
    const [chunk] = (await once(answer, 'data')) as [Buffer];
    return { text: chunk.toString(), close: () => asked.destroy() };
  };
  const streams = [await open(other), await open(other)];
  expect(streams.filter(({ text }) => text.includes('event: closing'))).toEqual([]);
  const full = await open(other);
  expect(full.text).toMatch(/^retry: \d+\n\nevent: closing\ndata: {"reason":"full"/);
  expect((await ask(STREAM, { ...from(), ...other })).json.error.details).toEqual({
    ...{ limit: 'streams_per_principal', allowed: 2 },
  });
  for (const { close } of [...streams, full]) close();
  await eventually(async () => {
    const again = await open(other);
    again.close();
    if (again.text.includes('event: closing')) throw new Error(again.text);
    return true;
  }, SELDOM);
}, 30_000);

describe('a connection', () => {
  const REALTIME = '/realtime/v1/websocket?vsn=1.0.0';
  const upgrade = async (client: string) => {
    const socket = new WebSocket(`wss://localhost:${port}${REALTIME}`, { ca, headers: { 'x-forwarded-for': client } });
    socket.on('error', () => undefined);
    const status = await Promise.race([
      once(socket, 'open').then(() => 101),
      once(socket, 'unexpected-response').then(([, answer]: any[]) => answer.statusCode as number),
    ]);
    return { socket, status };
  };

  test('for live updates is open a limited number of times from one address', async () => {
    const opened = [await upgrade('203.0.113.20'), await upgrade('203.0.113.20')];
    const [third, other] = [await upgrade('203.0.113.20'), await upgrade('203.0.113.21')];
    expect([...opened, third, other].map(({ status }) => status)).toEqual([101, 101, 429, 101]);
    for (const { socket } of [...opened, other]) socket.terminate();
    await eventually(async () => {
      const { status, socket } = await upgrade('203.0.113.20');
      socket.terminate();
      return status === 101;
    }, SELDOM);
  });

  test('that offers another protocol is answered as if it had not, by TLS too', async () => {
    const socket = connectTls({ port, host: 'localhost', ca, servername: 'localhost' });
    await once(socket, 'secureConnect');
    socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  test('whose handshake takes too long is closed', async () => {
    const socket = connectTcp(port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    await once(socket, 'connect');
    socket.write(Buffer.from([0x16, 0x03, 0x01]));
    await once(socket, 'close');
  }, 10_000);

  test('that begins after the certificate was renewed gets the new one; files that do not belong together change nothing', async () => {
    const served = async () => {
      const socket = connectTls({ port, host: 'localhost', servername: 'localhost', rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { subjectaltname = '' } = socket.getPeerCertificate();
      socket.destroy();
      return subjectaltname;
    };
    const before = await served();
    await copyFile(tlsFile('elsewhere.pem'), path.join(directory, 'server.pem'));
    expect(await served()).toBe(before);
    await copyFile(tlsFile('elsewhere.key'), path.join(directory, 'server.key'));
    await eventually(async () => (await served()) !== before);
  }, 20_000);
});
