/** An agent that says it will report later, and never does, to executions of `waits-...`; it answers all others at once. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerTo } from '../peers/work.mjs';

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const input = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Parameters<typeof answerTo>[0];
    const later = input.project_id.startsWith('waits-');
    response.writeHead(later ? 202 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(later ? { task_token: request.headers['x-task-token'] } : answerTo(input)));
  });
});
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => console.log(`agent on ${(server.address() as AddressInfo).port}.`));
