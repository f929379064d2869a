/** Agents and receivers that close a connection which was kept in the moment in which it is used again. */
import type { Socket } from 'node:net';
import { HttpAgents } from '../../src/infrastructure/agents/http-agents.js';
import { defaultAgentLimits } from '../../src/infrastructure/agents/limits.js';
import { SystemClock } from '../../src/infrastructure/system/clock-and-ids.js';
import { HttpWebhookSender } from '../../src/infrastructure/webhooks/http-webhook-sender.js';
import { WorkflowClient } from '../../src/interfaces/cli/workflow-client.js';
import { answer, end, reset, startClosingServer, type ClosingServer, type Treat } from '../support/closing-server.js';
import { aCall } from './agents/a-call.js';

const clock = new SystemClock();
const agents = new HttpAgents(clock, defaultAgentLimits);
const sender = new HttpWebhookSender(clock, { allowPrivate: true, allowHttp: false, ports: [] });
const servers: ClosingServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
afterAll(async () => {
  await agents.close();
  await sender.close();
});

const serve = async (treat: Treat): Promise<ClosingServer> => {
  servers.push(await startClosingServer(treat));
  return servers.at(-1)!;
};
/** A connection is used again a turn of the event loop after its answer at the earliest. */
const untilIdle = async () => {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
};
const headerOf = (name: string) => (head: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1];

const callAgent = async ({ url }: ClosingServer, id: string, signal = new AbortController().signal) => {
  await untilIdle();
  const reply = await agents.call(aCall({ idempotencyKey: id, signal }), new URL(url));
  return 'success' in reply && reply.success ? 'ok' : 'error' in reply ? reply.error.code : 'deferred';
};
const deliver = async ({ url }: ClosingServer, id: string, signal = new AbortController().signal) => {
  await untilIdle();
  const { statusCode, error } = await sender.post({ url, headers: { 'webhook-id': id }, body: '{}', signal });
  return statusCode === 200 ? 'ok' : (error ?? String(statusCode));
};

describe.each([
  ['an agent', callAgent, 'idempotency-key'],
  ['a receiver of webhooks', deliver, 'webhook-id'],
])('%s', (_who, ask, key) => {
  test.each([
    ['ends', end],
    ['resets', reset],
  ])('that %s each kept connection when the next request comes is asked once more on a new one', async (_, close) => {
    const server = await serve((socket, nth) => (nth === 1 ? answer()(socket, nth) : close(socket, nth)));
    const outcomes: string[] = [];
    for (const id of ['1', '2', '3', '4', '5', '6', '7']) outcomes.push(await ask(server, id));
    expect(outcomes).toEqual(Array(7).fill('ok'));
    // Each that met a closing connection came twice, the second time under the same key.
    const ids = server.heads.map(headerOf(key));
    expect(new Set(ids)).toEqual(new Set(['1', '2', '3', '4', '5', '6', '7']));
    expect(ids.length).toBeGreaterThan(7);
    expect(ids.every((id) => ids.filter((each) => each === id).length <= 2)).toBe(true);
    const again = server.heads.filter((_head, index) => ids[index] === '2');
    const withoutConnection = again.map((head) => head.replace(/^connection: .*\r\n/im, ''));
    expect(withoutConnection[1]).toBe(withoutConnection[0]);
  });

  test('that closes a new connection has failed, and is not asked again', async () => {
    const server = await serve(end);
    expect(await ask(server, 'new')).not.toBe('ok');
    expect(server.heads).toHaveLength(1);
  });

  test('that closes the new connection too has failed after two', async () => {
    let first = true;
    const server = await serve((socket, nth) => {
      if (first) answer()(socket, nth);
      else end(socket, nth);
      first = false;
    });
    expect(await ask(server, '1')).toBe('ok');
    expect(await ask(server, '2')).not.toBe('ok');
    expect(server.heads.map(headerOf(key))).toEqual(['1', '2', '2']);
  });

  test.each<[string, (socket: Socket) => void]>([
    ['after a part of the headers', (socket) => socket.end('HTTP/1.1 200 OK\r\nconte')],
    ['after one byte', (socket) => socket.end('H')],
    ['after an interim answer', (socket) => socket.end('HTTP/1.1 102 Processing\r\n\r\n')],
  ])('that breaks off an answer %s has failed, and is not asked again', async (_, breakOff) => {
    const server = await serve((socket, nth) => (nth === 1 ? answer()(socket, nth) : breakOff(socket)));
    expect(await ask(server, '1')).toBe('ok');
    expect(await ask(server, '2')).not.toBe('ok');
    expect(server.heads.map(headerOf(key))).toEqual(['1', '2']);
  });

  test('is not asked again when the attempt was ended meanwhile', async () => {
    const ending = new AbortController();
    const server = await serve((socket, nth) => {
      if (nth === 1) return answer()(socket, nth);
      ending.abort('deadline');
      end(socket, nth);
    });
    expect(await ask(server, '1')).toBe('ok');
    expect(await ask(server, '2', ending.signal)).not.toBe('ok');
    expect(server.heads.map(headerOf(key))).toEqual(['1', '2']);
  });
});

test('the command line asks the API over a new connection each time', async () => {
  const server = await serve((socket, nth) =>
    nth === 1 ? answer('{"success": true, "data": {"events": []}}')(socket, nth) : end(socket, nth),
  );
  const client = new WorkflowClient(server.url);
  for (let round = 0; round < 7; round++) {
    await untilIdle();
    expect(await client.eventsAfter('e-1', null)).toEqual([]);
  }
  expect([server.heads.length, server.connections()]).toEqual([7, 7]);
});
