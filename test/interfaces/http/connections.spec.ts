import { once } from 'node:events';
import { createServer, get, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import express from 'express';
import type { ArgumentsHost } from '@nestjs/common';
import { Connections } from '../../../src/interfaces/http/server/connections.js';
import { ErrorFilter } from '../../../src/interfaces/http/error-filter.js';
import type { Refusal } from '../../../src/interfaces/http/server/refusal.js';
import { eventually } from '../../support/eventually.js';

describe('more connections than may be open', () => {
  const lines: string[] = [];
  const held: Socket[] = [];
  let server: Server;
  let port: number;
  let now = 0;

  beforeAll(async () => {
    const limits = { open: 2, headersMs: 5_000, requestMs: 9_000 };
    const connections = new Connections(
      limits,
      (line) => lines.push(line),
      () => now,
    );
    const app = express();
    app.use(connections.refuse);
    app.use((_, response) => void response.send('in'));
    const filter = new ErrorFilter({ retryMs: 1_000 });
    app.use(((error: Refusal, request, response, _next) => {
      const http = { getRequest: () => request, getResponse: () => response };
      filter.catch(error, { switchToHttp: () => http } as ArgumentsHost);
    }) as express.ErrorRequestHandler);
    server = createServer(app);
    connections.watch(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => {
    held.forEach((socket) => socket.destroy());
    server.closeAllConnections();
    server.close();
  });

  const hold = async () => {
    const socket = connect(port, '127.0.0.1');
    held.push(socket);
    await once(socket, 'connect');
  };
  const asked = (path = '/', own: Record<string, string> = {}) =>
    new Promise<{ status: number; headers: Record<string, unknown>; text: string }>((resolve, reject) => {
      get({ port, host: '127.0.0.1', path, agent: false, headers: own }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      }).on('error', reject);
    });

  test('get an answer that names the limit; probes are admitted', async () => {
    expect([server.headersTimeout, server.requestTimeout]).toEqual([5_000, 9_000]);
    await hold();
    expect(await asked()).toMatchObject({ status: 200, text: 'in' });
    await hold();
    const { status, headers, text } = await asked();
    expect([status, headers['retry-after'], headers['connection']]).toEqual([503, '1', 'close']);
    const message = expect.stringContaining('has 2 connections open');
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'TOO_MANY_CONNECTIONS', message } });
    for (const probe of ['/health/live', '/health/ready', '/metrics']) expect((await asked(probe)).status).toBe(200);
  });

  test('are asked to come again where they are an EventSource, which stops for good after a 503', async () => {
    const accept = 'text/event-stream';
    const { status, headers, text } = await asked('/api/v1/workflow/stream?state=x', { accept });
    expect([status, headers['content-type'], headers['connection']]).toEqual([
      200,
      `${accept}; charset=utf-8`,
      'close',
    ]);
    expect(text).toMatch(/^retry: \d+\n\nevent: closing\ndata: {"reason":"full","message":"[^"]+ 2 connections /);
    expect((await asked('/api/v1/workflow/executions', { accept })).status).toBe(503);
  });

  test('are counted in one line each ten seconds', async () => {
    for (let again = 0; again < 3; again++) await asked();
    expect(lines).toEqual([expect.stringMatching(/^2 connections are open, .*MAX_CONNECTIONS.*: 1$/)]);
    now += 10_000;
    await asked();
    expect(lines.slice(1)).toEqual([expect.stringMatching(/: 6$/)]);
  });

  test('far beyond it are closed without an answer', async () => {
    const many = Array.from({ length: 66 }, () => hold());
    await Promise.allSettled(many);
    await expect(asked()).rejects.toThrow();
  });

  test('are let in again once there is room', async () => {
    held.splice(0).forEach((socket) => socket.destroy());
    await eventually(async () => (await asked()).status === 200);
  });
});
