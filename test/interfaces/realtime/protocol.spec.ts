import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import fc from 'fast-check';
import { knownHosts, type HostCheck, knownOrigins } from '../../../src/interfaces/known-origins.js';
import { upgradeNotes } from '../../../src/interfaces/http/server/access-log.js';
import { refusalOf } from '../../../src/interfaces/realtime/admission.js';
import { DEFAULT_REALTIME_LIMITS, type RealtimeLimits } from '../../../src/interfaces/realtime/limits.js';
import { RealtimeServer } from '../../../src/interfaces/realtime/realtime-server.js';
import { eventually } from '../../support/eventually.js';
import { openRaw, type RawClient } from './support/raw-client.js';
import { ID, ToldChanges } from './support/told-changes.js';

/* eslint-disable @typescript-eslint/no-explicit-any -- messages whose shape is what the tests assert */
let changes: ToldChanges;
let ended: (() => Promise<unknown>)[] = [];

const failures: string[] = [];
const access: string[] = [];
const onError = (message: string, error: unknown) => failures.push(`${message}: ${String(error)}`);

const start = async (limits: Partial<RealtimeLimits> = {}, apiKey?: string, isKnownHost: HostCheck = () => true) => {
  changes = new ToldChanges();
  const http: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => response.end(`${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const admission = { isKnownHost, isKnownOrigin: knownOrigins(['https://app.example.com']), apiKey };
  const all = { ...DEFAULT_REALTIME_LIMITS, lookMs: 20, ...limits };
  const noted = upgradeNotes((line) => access.push(line));
  const realtime = new RealtimeServer(changes, all, onError, admission, noted);
  realtime.start(http);
  const { port } = http.address() as AddressInfo;
  ended.push(async () => {
    await realtime.stop();
    http.closeAllConnections();
    http.close();
  });
  const address = `127.0.0.1:${port}/realtime/v1/websocket`;
  const open = (query = '?vsn=2.0.0', options = {}) => openRaw(`ws://${address}${query}`, options);
  return { realtime, port, open, address };
};

afterEach(async () => {
  for (const end of ended.reverse()) await end();
  ended = [];
  expect(failures).toEqual([]);
});

const TOPIC = 'realtime:room';
const UPDATES = { event: 'UPDATE', schema: 'public', table: 'workflow_executions' };
const join = (bindings: unknown[] = [], more: object = {}) => ({
  config: {
    broadcast: { ack: false, self: false },
    presence: { key: '', enabled: false },
    postgres_changes: bindings,
    ...more,
  },
});

/** Joined, with the reply and the `system` message taken away. */
const joined = async (client: RawClient, bindings: unknown[], topic = TOPIC) => {
  const before = client.received.length;
  client.send(['1', '1', topic, 'phx_join', join(bindings)]);
  await client.has(before + 2);
  const [reply, system] = client.received.splice(0);
  return { reply, system, ids: reply[4].response.postgres_changes.map(({ id }: any) => id) };
};

test('each request for a connection has a line in the log when it is over, without its key, whatever its outcome', async () => {
  const { open } = await start({}, 'the-key');
  access.length = 0;
  const { socket } = await open('?vsn=2.0.0&apikey=the-key', { headers: { 'X-Request-Id': 'mine' } });
  expect(access).toEqual([]);
  await expect(open('?vsn=2.0.0&apikey=wrong')).rejects.toThrow('403');
  const line = (status: number, id: string) =>
    expect.stringMatching(`^GET /realtime/v1/websocket ${status} in \\d+ ms \\(request ${id}\\)$`);
  await eventually(() => expect(access).toEqual([line(403, 'none')]));
  socket.close();
  await eventually(() => expect(access).toEqual([line(403, 'none'), line(101, 'mine')]));
});

describe('version 2.0.0', () => {
  test('a join is answered with its bindings as they came, each with an id, and then by the system', async () => {
    const client = await (await start()).open();
    const bindings = [UPDATES, { ...UPDATES, event: '*', filter: `id=eq.${ID}`, odd: [1] }];
    const { reply, system, ids } = await joined(client, bindings);
    expect(reply).toEqual([
      '1',
      '1',
      TOPIC,
      'phx_reply',
      { status: 'ok', response: { postgres_changes: bindings.map((binding, at) => ({ ...binding, id: ids[at] })) } },
    ]);
    expect(new Set(ids).size).toBe(2);
    expect(ids.every(Number.isInteger)).toBe(true);
    expect(system).toEqual([
      '1',
      null,
      TOPIC,
      'system',
      { status: 'ok', extension: 'postgres_changes', message: 'Subscribed to PostgreSQL', channel: 'room' },
    ]);
  });

  test('an update is sent with the row and the key of the row before', async () => {
    const client = await (await start()).open();
    const { ids } = await joined(client, [UPDATES]);
    changes.tell({});
    const [message] = await client.has(1);
    expect(message).toEqual([
      null,
      null,
      TOPIC,
      'postgres_changes',
      {
        ids,
        data: {
          schema: 'public',
          table: 'workflow_executions',
          type: 'UPDATE',
          commit_timestamp: '2026-11-23T07:00:00.123Z',
          errors: null,
          columns: [
            { name: 'id', type: 'uuid' },
            { name: 'current_state', type: 'text' },
            { name: 'percent_complete', type: 'int4' },
            { name: 'metadata', type: 'jsonb' },
          ],
          record: { id: ID, current_state: 'writing', percent_complete: 40, metadata: {} },
          old_record: { id: ID },
        },
      },
    ]);
  });

  test('an insert has no old row, a deletion no new row', async () => {
    const client = await (await start()).open();
    await joined(client, [{ ...UPDATES, event: '*' }]);
    changes.tell({ type: 'INSERT' });
    changes.tell({ type: 'DELETE', record: null });
    const [inserted, deleted] = await client.has(2);
    expect(inserted[4].data).not.toHaveProperty('old_record');
    expect(inserted[4].data.record.id).toBe(ID);
    expect(deleted[4].data).not.toHaveProperty('record');
    expect(deleted[4].data.old_record).toEqual({ id: ID });
  });

  test('a client is sent only what it asked for: by event, table and filter, and by the key alone for a deletion', async () => {
    const client = await (await start()).open();
    const other = '0198a3c0-aaaa-7000-8000-000000000002';
    const { ids } = await joined(client, [
      { ...UPDATES, event: 'INSERT' },
      { ...UPDATES, event: '*', filter: `id=eq.${ID.toUpperCase()}` },
      { ...UPDATES, event: '*', filter: 'percent_complete=gt.50' },
      { event: '*', schema: 'public', table: 'workflow_steps', filter: `execution_id=eq.${ID},status=neq.pending` },
    ]);
    const about = (id: string, percent_complete: number) => ({ key: { id }, record: { id, percent_complete } });
    const step = (status: string) => ({
      table: 'workflow_steps',
      key: { id: other },
      record: { id: other, execution_id: ID, status },
    });
    changes.tell(about(ID, 10));
    changes.tell(about(other, 10));
    changes.tell(about(other, 60));
    changes.tell({ type: 'INSERT', ...about(ID, 60) });
    changes.tell({ type: 'DELETE', key: { id: ID }, record: null });
    changes.tell({ type: 'DELETE', key: { id: other }, record: null });
    changes.tell(step('pending'));
    changes.tell(step('running'));
    const messages = await client.has(5);
    const at = (message: any) => message[4].ids.map((id: number) => ids.indexOf(id)).sort();
    expect(messages.map(at)).toEqual([[1], [2], [0, 1, 2], [1], [3]]);
  });

  test('a schema or a table may be *, and stand alone', async () => {
    const client = await (await start()).open();
    const { ids, system } = await joined(client, [
      { event: '*', schema: '*' },
      { event: '*', schema: 'public', table: '*' },
      { event: '*', table: 'workflow_steps' },
      { event: 'anything', schema: 'public', table: 'workflow_%' },
    ]);
    expect(system[4].status).toBe('ok');
    changes.tell({});
    changes.tell({ table: 'workflow_steps', key: { id: ID }, record: { id: ID } });
    const [first, second] = await client.has(2);
    expect(first[4].ids.sort()).toEqual([ids[0], ids[1], ids[3]].sort());
    expect(second[4].ids.sort()).toEqual([...ids].sort());
  });

  test('columns can be chosen; the key is there in any case', async () => {
    const client = await (await start()).open();
    const { ids } = await joined(client, [{ ...UPDATES, select: ['percent_complete'] }, UPDATES]);
    changes.tell({});
    const messages = await client.has(2);
    const chosen = messages.find((message) => message[4].ids[0] === ids[0]);
    expect(chosen[4].data.record).toEqual({ id: ID, percent_complete: 40 });
    expect(chosen[4].data.columns.map(({ name }: any) => name)).toEqual(['id', 'percent_complete']);
    expect(messages.find((message) => message[4].ids[0] === ids[1])[4].data.record.metadata).toEqual({});
  });

  test('of a row that is too large a client is sent the small columns, and the reason', async () => {
    const client = await (await start({ recordBytes: 2_000 })).open();
    await joined(client, [UPDATES]);
    changes.tell({ record: { id: ID, current_state: 'writing', metadata: { text: 'x'.repeat(3_000) } } });
    const [message] = await client.has(1);
    expect(message[4].data.record).toEqual({ id: ID, current_state: 'writing' });
    expect(message[4].data.errors).toEqual(['Error 413: Payload Too Large']);
  });

  test('a heartbeat is answered', async () => {
    const client = await (await start()).open();
    client.send([null, '7', 'phoenix', 'heartbeat', {}]);
    expect(await client.has(1)).toEqual([[null, '7', 'phoenix', 'phx_reply', { status: 'ok', response: {} }]]);
  });

  test('a leave is answered and closes the channel; nothing is sent after it', async () => {
    const client = await (await start()).open();
    await joined(client, [UPDATES]);
    client.send(['1', '2', TOPIC, 'phx_leave', {}]);
    expect(await client.has(2)).toEqual([
      ['1', '2', TOPIC, 'phx_reply', { status: 'ok', response: {} }],
      ['1', '1', TOPIC, 'phx_close', {}],
    ]);
    changes.tell({});
    client.send([null, '8', 'phoenix', 'heartbeat', {}]);
    expect((await client.has(3))[2][1]).toBe('8');
  });

  test('a client that joins again leaves the earlier channel; to leave that later changes nothing', async () => {
    const client = await (await start()).open();
    await joined(client, [UPDATES]);
    client.send(['3', '3', TOPIC, 'phx_join', join([{ ...UPDATES, event: '*' }])]);
    client.send(['1', '4', TOPIC, 'phx_leave', {}]);
    await client.has(4);
    expect(client.received.map(([joinRef, , , event]) => `${joinRef} ${event}`)).toEqual([
      '1 phx_close',
      '3 phx_reply',
      '3 system',
      '1 phx_reply',
    ]);
    changes.tell({});
    expect((await client.has(5))[4][3]).toBe('postgres_changes');
  });

  test('an access token is taken in silence; presence and broadcasts are answered and go nowhere', async () => {
    const server = await start();
    const [client, other] = [await server.open(), await server.open()];
    await joined(other, [UPDATES]);
    client.send([
      '1',
      '1',
      TOPIC,
      'phx_join',
      join([], { broadcast: { ack: true }, presence: { key: 'me', enabled: true }, private: true }),
    ]);
    client.send(['1', '2', TOPIC, 'access_token', { access_token: 'secret' }]);
    client.send(['1', '3', TOPIC, 'presence', { type: 'presence', event: 'track', payload: {} }]);
    client.send(['1', '4', TOPIC, 'broadcast', { type: 'broadcast', event: 'hi', payload: {} }]);
    const texts = ['1', '5', TOPIC, 'hi', ''];
    const sizes = texts.map((text) => text.length);
    client.socket.send(Buffer.concat([Buffer.from([3, ...sizes, 1]), Buffer.from(texts.join('')), Buffer.from('{}')]));
    expect((await client.has(5)).map(([, ref, , event, { status }]) => [ref, event, status])).toEqual([
      ['1', 'phx_reply', 'ok'],
      [null, 'presence_state', undefined],
      ['3', 'phx_reply', 'ok'],
      ['4', 'phx_reply', 'ok'],
      ['5', 'phx_reply', 'ok'],
    ]);
    expect(other.received).toEqual([]);
  });
});

describe('version 1.0.0', () => {
  test.each(['', '?vsn=1.0.0'])('messages are objects: %j', async (query) => {
    const client = await (await start()).open(query);
    client.send({ topic: TOPIC, event: 'phx_join', payload: join([UPDATES]), ref: '1', join_ref: '1' });
    const [reply, system] = await client.has(2);
    expect(reply).toMatchObject({ topic: TOPIC, event: 'phx_reply', ref: '1', payload: { status: 'ok' } });
    expect(system).toMatchObject({ topic: TOPIC, event: 'system', payload: { status: 'ok' } });
    changes.tell({});
    const [, , change] = await client.has(3);
    expect(change).toMatchObject({ topic: TOPIC, event: 'postgres_changes', ref: null });
    expect(change.payload.ids).toEqual([reply.payload.response.postgres_changes[0].id]);
    expect(change.payload.data.record.id).toBe(ID);
  });
});

describe('what cannot be subscribed to', () => {
  test.each([
    [{ ...UPDATES, table: 'secrets' }, 'Please check Realtime is enabled for the given connect parameters'],
    [{ ...UPDATES, schema: 'private' }, 'Please check Realtime is enabled'],
    [{ ...UPDATES, filter: 'colour=eq.red' }, 'invalid column for filter colour'],
    [{ ...UPDATES, filter: 'id=eq.7' }, 'invalid input syntax for type uuid: "7"'],
    [{ ...UPDATES, filter: 'undefined' }, 'Error parsing `filter` params: ["undefined"]'],
    [{ ...UPDATES, filter: 'id=foo.7' }, 'Error parsing `filter` params: ["foo", "7"]'],
    [{ ...UPDATES, filter: 7 }, 'No subscription params provided'],
    [{ event: '*' }, 'No subscription params provided'],
    [{ ...UPDATES, select: 'id' }, 'Error parsing `select` params'],
    [{ ...UPDATES, select: ['colour'] }, 'invalid column for select colour'],
    [{ event: '*', schema: 'public', select: ['id'] }, 'Column selection is not supported for wildcard subscriptions'],
  ])('%j: the system says why, and no change of the channel is told', async (binding, message) => {
    const client = await (await start()).open();
    const { reply, system } = await joined(client, [{ ...UPDATES, event: '*' }, binding]);
    expect(reply[4].status).toBe('ok');
    expect(system[4]).toMatchObject({ status: 'error', extension: 'postgres_changes', channel: 'room' });
    expect(system[4].message).toContain(message);
    changes.tell({});
    client.send([null, '8', 'phoenix', 'heartbeat', {}]);
    expect((await client.has(1))[0][1]).toBe('8');
  });

  test('a client that waits for the subscription is refused the join with the reason; any other gets a system message', async () => {
    const client = await (await start()).open();
    const waiting = { postgres_changes_options: { wait: true, timeout: 5_000 } };
    client.send(['1', '1', TOPIC, 'phx_join', join([{ ...UPDATES, table: 'secrets' }], waiting)]);
    client.send(['2', '2', TOPIC, 'phx_join', join([UPDATES], waiting)]);
    const [refused, taken, system] = await client.has(3);
    expect([refused[1], refused[4].status]).toEqual(['1', 'error']);
    expect(refused[4].response.reason).toMatch(/^RealtimeDisabledForConfiguration: Unable to subscribe to changes/);
    expect([taken[1], taken[4].status, system[4].message]).toEqual(['2', 'ok', 'Subscribed to PostgreSQL']);
  });

  test.each([
    ['phx_join', 'room', {}, 'unmatched topic'],
    ['phx_join', 'realtime:', {}, 'TopicNameRequired: You must provide a topic name'],
    ['phx_join', TOPIC, join(['odd']), 'Expected config.postgres_changes to be a list of objects'],
    ['access_token', TOPIC, {}, 'unmatched topic'],
  ])('%s of %s is answered with an error', async (event, topic, payload, reason) => {
    const client = await (await start()).open();
    client.send(['1', '1', topic, event, payload]);
    expect(await client.has(1)).toEqual([['1', '1', topic, 'phx_reply', { status: 'error', response: { reason } }]]);
  });

  test.each(['no json', '[]', '{"topic":1}', '["1","1","t","e"]', '[{},"1","t","e",{}]', 'null', '7'])(
    'after %s the connection is closed',
    async (text) => {
      const client = await (await start()).open();
      client.send(text);
      expect(await client.isClosed()).toEqual({
        code: 1007,
        reason: 'Expected a message of Phoenix channels, version 2.0.0',
      });
    },
  );

  test('what is nested too deeply to be answered closes, and the server goes on', async () => {
    const { open } = await start();
    const client = await open();
    const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
    client.send(`["1","1","${TOPIC}","phx_join",{"config":{"postgres_changes":[{"table":"x","odd":${deep}}]}}]`);
    expect((await client.isClosed()).code).toBe(1007);
    expect((await joined(await open(), [UPDATES])).reply[4].status).toBe('ok');
  });

  test('whatever is sent, the server goes on', async () => {
    const { open } = await start({ messagesPerSecond: Infinity });
    const topic = fc.constantFrom(TOPIC, 'phoenix', 'realtime:', 'x');
    const event = fc.constantFrom('phx_join', 'phx_leave', 'heartbeat', 'access_token', 'broadcast', 'presence', 'x');
    const value = fc.jsonValue({ maxDepth: 3 });
    const filter = fc.oneof(
      value,
      fc.stringMatching(/^(id|current_state|x)=(not\.)?(eq|in|is|like|match|gt)\.[(){}a-z0-9*,"]*$/),
    );
    const binding = fc.record({
      event: value,
      schema: fc.constant('public'),
      table: fc.constant('workflow_executions'),
      filter,
    });
    const config = fc.record({
      config: fc.record({ postgres_changes: fc.oneof(value, fc.array(fc.oneof(binding, value))) }),
    });
    const frame = fc.oneof(value, fc.tuple(value, value, topic, event, fc.oneof(value, config)));
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            frame.map((it) => JSON.stringify(it)),
            fc.uint8Array(),
          ),
          { minLength: 1 },
        ),
        async (frames) => {
          const client = await open();
          for (const one of frames) client.socket.send(one);
          changes.tell({});
          client.socket.close();
          await client.isClosed();
        },
      ),
      { numRuns: 60 },
    );
    expect((await joined(await open(), [UPDATES])).reply[4].status).toBe('ok');
  });

  test('a binary frame of another kind closes as well', async () => {
    const client = await (await start()).open();
    client.socket.send(Buffer.from([9, 9, 9]));
    expect((await client.isClosed()).code).toBe(1007);
  });
});

describe('a connection is admitted', () => {
  const status = (address: string, query: string, headers: Record<string, string> = {}) =>
    new Promise<number>((resolve, reject) => {
      const upgrade = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
      const request = httpRequest(`http://${address}${query}`, {
        headers: { ...upgrade, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers },
      });
      request.on('response', (response) => resolve(response.resume().statusCode ?? 0));
      request.on('upgrade', (_, socket) => resolve((socket.destroy(), 101)));
      request.on('error', reject).end();
    });

  test('where a key is set, for a client that gives it', async () => {
    const { address } = await start({}, 'the-key');
    expect(await status(address, '')).toBe(401);
    expect(await status(address, '?apikey=another')).toBe(403);
    expect(await status(address, '?apikey=')).toBe(403);
    expect(await status(address, '?apikey=the-key', { origin: 'https://app.example.com' })).toBe(101);
    expect(await status(address, '', { apikey: 'the-key' })).toBe(101);
  });

  test('where no key is set, for all but pages of other origins', async () => {
    const { address, port } = await start();
    expect(await status(address, '?apikey=anything')).toBe(101);
    expect(await status(address, '', { origin: `http://127.0.0.1:${port}` })).toBe(101);
    expect(await status(address, '', { origin: 'https://app.example.com' })).toBe(101);
    for (const origin of [
      'http://localhost:3001',
      `http://127.0.0.1:${port + 1}`,
      `http://localhost:${port}`,
      'http://app.example.com',
      'https://evil.example.com',
      'https://localhost.evil.example.com',
      'null',
    ])
      expect([origin, await status(address, '', { origin })]).toEqual([origin, 403]);
  });

  test('where a key is set, for no page of another origin: all readers of a page know its key', async () => {
    const { address } = await start({}, 'the-key');
    expect(await status(address, '?apikey=the-key', { origin: 'http://localhost:3001' })).toBe(403);
  });

  test('for no client over the limit of connections, which the answer names', () => {
    const asked = { headers: { host: 'localhost' }, socket: null } as unknown as IncomingMessage;
    const admission = { isKnownHost: () => true, isKnownOrigin: () => true, overLimit: () => 'There are 2 open' };
    expect(refusalOf(asked, new URL('http://localhost'), admission)).toEqual({
      status: 503,
      code: 'TOO_MANY_CONNECTIONS',
      message: 'There are 2 open.',
    });
  });

  test('under a name of this server, whatever else it knows', async () => {
    const { address, port } = await start({}, 'the-key', knownHosts([]));
    expect(await status(address, '?apikey=the-key', { host: `localhost:${port}` })).toBe(101);
    expect(await status(address, '?apikey=the-key', { host: `evil.example.com:${port}` })).toBe(421);
  });

  test('in a version that is spoken', async () => {
    const { address } = await start();
    expect(await status(address, '?vsn=3.0.0')).toBe(400);
  });

  test('requests that offer another protocol for another path are answered as if they had not', async () => {
    const { port } = await start();
    const socket = connect(port, '127.0.0.1');
    const head =
      'HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n';
    socket.write(`POST /api ${head}Content-Length: 11\r\n\r\nhello`);
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    await eventually(() => socket.bytesWritten > 0);
    socket.write(' world');
    await eventually(() => text.includes('POST /api hello world'));
    socket.write(`GET /again ${head}\r\n`);
    await eventually(() => text.includes('GET /again'));
    socket.destroy();
  });
});

describe('limits', () => {
  test('of connections', async () => {
    const { open } = await start({ connections: 1 });
    const first = await open();
    await expect(open()).rejects.toThrow('503');
    first.socket.close();
    await first.isClosed();
    await eventually(async () => (await open()).socket.close());
  });

  test('of channels and bindings', async () => {
    const client = await (await start({ channels: 1, bindings: 1 })).open();
    client.send(['1', '1', 'realtime:a', 'phx_join', join([UPDATES, UPDATES])]);
    client.send(['2', '2', 'realtime:a', 'phx_join', join()]);
    client.send(['3', '3', 'realtime:b', 'phx_join', join()]);
    client.send(['4', '4', 'realtime:a', 'phx_leave', {}]);
    const messages = await client.has(4);
    expect(messages.map(([, , , , { status, response }]) => [status, response?.reason])).toEqual([
      ['error', 'Expected at most 1 config.postgres_changes'],
      ['ok', undefined],
      ['error', 'ChannelRateLimitReached: Too many channels'],
      ['ok', undefined],
    ]);
  });

  test('of the size of a frame', async () => {
    const client = await (await start({ frameBytes: 1_000 })).open();
    client.send('x'.repeat(1_001));
    expect((await client.isClosed()).code).toBe(1009);
  });

  test('of messages in a second', async () => {
    const client = await (await start({ messagesPerSecond: 3 })).open();
    for (let count = 0; count < 4; count++) client.send([null, '1', 'phoenix', 'heartbeat', {}]);
    expect(await client.isClosed()).toEqual({ code: 1008, reason: 'Too many messages per second' });
    expect(client.received).toHaveLength(3);
  });

  test('of silence', async () => {
    const client = await (await start({ silenceMs: 100 })).open();
    await joined(client, [UPDATES]);
    expect(await client.isClosed()).toEqual({ code: 1008, reason: 'Expected a heartbeat within 100 ms' });
  });

  test('of the time without a channel', async () => {
    const { open } = await start({ joinMs: 100 });
    const [idle, busy] = [await open(), await open()];
    await joined(busy, [UPDATES]);
    expect((await idle.isClosed()).reason).toBe('Expected a channel to be joined within 100 ms');
    expect(busy.closed.code).toBe(0);
  });

  test('of what waits for a client that does not take it: with the time to take that, and the reason', async () => {
    const closeMs = 50;
    const client = await (await start({ bufferBytes: 100_000, closeMs })).open();
    await joined(client, [UPDATES]);
    client.socket.pause();
    const metadata = { text: 'x'.repeat(900_000) };
    for (let count = 0; count < 50; count++) changes.tell({ record: { id: ID, metadata } });
    const told = performance.now();
    // Who has no reason to be slow would have been cut off by now.
    await eventually(() => performance.now() - told > 6 * closeMs);
    client.socket.resume();
    expect(await client.isClosed()).toEqual({ code: 1013, reason: 'Too slow: reconnect, and read again' });
    expect(client.received.length).toBeLessThan(50);
  });

  test('of the time to take that', async () => {
    const client = await (await start({ bufferBytes: 100_000, slowCloseMs: 50 })).open();
    await joined(client, [UPDATES]);
    client.socket.pause();
    const metadata = { text: 'x'.repeat(900_000) };
    for (let count = 0; count < 50; count++) changes.tell({ record: { id: ID, metadata } });
    const told = performance.now();
    await eventually(() => performance.now() - told > 500);
    client.socket.resume();
    expect((await client.isClosed()).code).toBe(1006);
  });
});

test('where changes may have been missed, channels that follow them get a message, and end with an error', async () => {
  const client = await (await start()).open();
  await joined(client, [UPDATES]);
  client.send(['2', '2', 'realtime:chat', 'phx_join', join()]);
  await client.has(1);
  client.received.splice(0);
  changes.miss('The connection was lost');
  expect(await client.has(2)).toEqual([
    [
      '1',
      null,
      TOPIC,
      'system',
      {
        status: 'error',
        extension: 'postgres_changes',
        channel: 'room',
        message: 'The connection was lost: changes may have been missed. Join again, and read again.',
      },
    ],
    ['1', '1', TOPIC, 'phx_error', {}],
  ]);
});

test('a stop sends all clients elsewhere, also those that do not answer', async () => {
  const { realtime, open } = await start({ closeMs: 200 });
  const [client, silent] = [await open(), await open()];
  silent.socket.pause();
  const begun = performance.now();
  await realtime.stop();
  expect(performance.now() - begun).toBeLessThan(1_500);
  expect(await client.isClosed()).toEqual({ code: 1001, reason: 'The server is going away' });
  silent.socket.resume();
  await silent.isClosed();
  await expect(open()).rejects.toThrow('503');
});

describe('the work of filters', () => {
  const costly = { ...UPDATES, filter: 'current_state=match.([a-w]*x){20}y' };
  const tell = (current_state: string) => changes.tell({ record: { id: ID, current_state } });

  test('a connection whose patterns take too much is closed, and others are sent their changes', async () => {
    const { open } = await start({ filterWork: 20_000 });
    const [costs, plain] = [await open(), await open()];
    await joined(costs, [costly]);
    await joined(plain, [UPDATES]);
    tell('short');
    expect((await plain.has(1))[0][3]).toBe('postgres_changes');
    tell('abcx'.repeat(5_000));
    expect(await costs.isClosed()).toEqual({ code: 1008, reason: expect.stringContaining('Too much work') });
    await plain.has(2);
  });

  test('where all together take too much, the connection that takes most is closed', async () => {
    const { open } = await start({ allFilterWork: 30_000 });
    const [most, less] = [await open(), await open()];
    await joined(most, [costly, { ...costly, event: '*' }]);
    await joined(less, [{ ...UPDATES, filter: 'current_state=match.^b' }]);
    for (let times = 0; times < 3; times += 1) tell('abcx'.repeat(200));
    expect((await most.isClosed()).code).toBe(1008);
    tell('b');
    await less.has(1);
  });

  test('does not keep an instance from ending in time while changes come that all of them match against', async () => {
    const { realtime, open } = await start({ closeMs: 200 });
    const clients = await Promise.all(Array.from({ length: 20 }, () => open()));
    for (const client of clients) await joined(client, [costly]);
    const begun = performance.now();
    let isStopped = false;
    const stopped = new Promise<void>((resolve) => setImmediate(() => resolve(realtime.stop()))).then(
      () => void (isStopped = true),
    );
    // As long as it has not ended, changes come; on a machine with much else to do each of them takes long.
    while (!isStopped && performance.now() - begun < 20_000) {
      tell('abcx'.repeat(5_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(isStopped).toBe(true);
    await stopped;
  }, 60_000);

  test('what is read of subscriptions that are refused in the end is work as well', async () => {
    const client = await (await start({ filterWork: 2_000 })).open();
    const one = { ...UPDATES, filter: `current_state=match.${'a'.repeat(300)}` };
    const refused = join([one, { ...UPDATES, filter: 'no_such_column=eq.1' }]);
    client.send(['1', '1', TOPIC, 'phx_join', refused]);
    await client.has(2);
    client.send(['1', '2', TOPIC, 'phx_join', refused]);
    expect(await client.isClosed()).toEqual({ code: 1008, reason: expect.stringContaining('Too much work') });
  });

  test('a name of a table that is too long to be looked for is refused like a pattern', async () => {
    const client = await (await start()).open();
    const { system } = await joined(client, [{ ...UPDATES, table: '%'.repeat(1_001) }]);
    expect(system[4]).toMatchObject({ status: 'error', message: expect.stringContaining('more than 1000 characters') });
  });

  test('filters of too many steps are refused, and have room again when others are let go', async () => {
    const { open } = await start({ filterSteps: 200 });
    const client = await open();
    const one = { ...UPDATES, filter: `current_state=match.${'a'.repeat(150)}` };
    expect((await joined(client, [one])).system[4].status).toBe('ok');
    const { system } = await joined(client, [one], 'realtime:other');
    expect(system[4]).toMatchObject({ status: 'error', message: expect.stringContaining('too many conditions') });
    // Joined anew, a channel has its own steps to spend again.
    client.send(['1', '2', TOPIC, 'phx_leave', {}]);
    await client.has(2);
    client.received.splice(0);
    expect((await joined(client, [one], 'realtime:third')).system[4].status).toBe('ok');
  });

  test('all connections share a bound of steps, and a closed connection holds none', async () => {
    const { open } = await start({ allFilterSteps: 200 });
    const one = { ...UPDATES, filter: `current_state=match.${'a'.repeat(150)}` };
    const first = await open();
    await joined(first, [one]);
    const second = await open();
    expect((await joined(second, [one])).system[4].status).toBe('error');
    first.socket.close();
    let topic = 0;
    await eventually(async () => {
      const { system } = await joined(second, [one], `realtime:${(topic += 1)}`);
      if (system[4].status !== 'ok') throw new Error('No room yet');
    });
  });

  test('a message of too many members is not read', async () => {
    const client = await (await start({ frameMembers: 200 })).open();
    client.send(['1', '1', TOPIC, 'phx_join', { config: Array.from({ length: 200 }, () => 1) }]);
    expect((await client.isClosed()).code).toBe(1007);
  });
});
