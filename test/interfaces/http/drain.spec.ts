import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { drain } from '../../../src/interfaces/http/server/drain.js';

/** Asks once, and again on the same connection 50 ms after it was told to, in a thread that goes on while the server's is busy. */
const CLIENT = `
  const { connect } = require('node:net');
  const { parentPort, workerData } = require('node:worker_threads');
  const socket = connect(workerData.port, '127.0.0.1');
  const ask = () => socket.write('GET / HTTP/1.1\\r\\nHost: test\\r\\n\\r\\n');
  let answers = 0;
  socket.on('data', () => parentPort.postMessage(++answers === 1 ? 'first answer' : 'second answer'));
  socket.on('error', () => undefined);
  socket.on('close', () => parentPort.postMessage('closed'));
  parentPort.on('message', (message) => (message === 'ask' ? setTimeout(ask, 50) : process.exit(0)));
  ask();
`;

const blockThisThread = (ms: number) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test('a request that came while the process had no time is answered, though its connection was idle for too long', async () => {
  const server = createServer((_, response) => void response.end('here'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new Worker(CLIENT, { eval: true, workerData: { port } });
  const said = async () => ((await once(client, 'message')) as [string])[0];
  expect(await said()).toBe('first answer');

  const drained = drain(server, { idleMs: 20, busyMs: 5_000 });
  await new Promise((resolve) => setImmediate(resolve));
  client.postMessage('ask');
  blockThisThread(300);

  expect(await said()).toBe('second answer');
  client.postMessage('end');
  await once(client, 'exit');
  await drained;
});
