import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { Outlet } from '../../../src/interfaces/realtime/outlet.js';
import { openRaw, type RawClient } from './support/raw-client.js';

let client: RawClient;
let socket: WebSocket;
let wire: Duplex;
let end: () => void;

beforeEach(async () => {
  const http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  const sockets = new WebSocketServer({ noServer: true });
  const opened = new Promise<readonly [WebSocket, Duplex]>((resolve) =>
    http.once('upgrade', (request, raw, head) =>
      sockets.handleUpgrade(request, raw, head, (one) => resolve([one, raw])),
    ),
  );
  client = await openRaw(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/`);
  [socket, wire] = await opened;
  end = () => {
    socket.terminate();
    http.close();
  };
});
afterEach(() => end());

test('what is sent in one turn is written at once, and in order', async () => {
  const outlet = new Outlet(socket, wire);
  const writes: number[] = [];
  const handle = wire as unknown as { _writev: (chunks: unknown[], done: () => void) => void };
  const writev = handle._writev.bind(wire);
  handle._writev = (chunks, done) => {
    writes.push(chunks.length);
    writev(chunks, done);
  };
  for (let count = 0; count < 5; count++) outlet.send(Buffer.from(String(count)));
  expect(writes).toEqual([]);
  expect(await client.has(5)).toEqual([0, 1, 2, 3, 4]);
  // Of each message the head and the rest.
  expect(writes).toEqual([10]);
  outlet.send('5');
  expect((await client.has(6))[5]).toBe(5);
});

test('what was only held back does not count as waiting for the client', async () => {
  const outlet = new Outlet(socket, wire);
  for (let count = 0; count < 3; count++) outlet.send(Buffer.from(`"${'x'.repeat(1_000)}"`));
  expect(socket.bufferedAmount).toBeGreaterThan(2_000);
  expect(outlet.hasMoreThan(2_000)).toBe(false);
  client.socket.pause();
  for (let count = 0; count < 50; count++) outlet.send(Buffer.from(`"${'x'.repeat(1_000_000)}"`));
  expect(outlet.hasMoreThan(2_000)).toBe(true);
});
