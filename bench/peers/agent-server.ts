/** The agent of variant B, in a process of its own: answers every POST at once with the 1 KB of the step. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerTo } from './work.mjs';

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const input = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Parameters<typeof answerTo>[0];
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answerTo(input)));
  });
});
// No connection is closed at the moment in which it is used again.
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => console.log(`agent on ${(server.address() as AddressInfo).port}.`));
