/** Bodies that are answered before they have come whole: nothing is read on for, and the connection ends. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { defaultHttpLimits } from '../../../src/interfaces/http/server/json-body.js';
import { eventually } from '../../support/eventually.js';
import { startHttp, type HttpWorld } from './http-app.js';
import { post, send } from './send.js';

const LIMIT = 64 * 1024;
/** What the server, the client and two kernels may hold of a body that nobody reads. */
const HELD_BYTES = 32 * 1024 * 1024;
const PIECE = Buffer.alloc(16 * 1024, 0x20);

describe('a body that is refused', () => {
  let world: HttpWorld;
  let client: Socket | undefined;
  beforeAll(async () => (world = await startHttp({ ...defaultHttpLimits, bodyBytes: LIMIT })));
  afterEach(() => client?.destroy());
  afterAll(() => world.finish());

  /** Sends `head`, then pieces for as long as the server takes them. */
  const endless = async (head: string, piece: Buffer) => {
    const socket = (client = connect(Number(new URL(world.url).port), '127.0.0.1'));
    socket.on('error', () => undefined);
    let answer = '';
    let sent = 0;
    let isOver = false;
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('close', () => (isOver = true));
    await once(socket, 'connect');
    socket.write(`${head}\r\nHost: localhost\r\nContent-Type: application/json\r\n`);
    const go = () => {
      while (!isOver && sent < 8 * HELD_BYTES) {
        sent += piece.length;
        if (!socket.write(piece)) return void socket.once('drain', go);
      }
    };
    return { socket, go, answer: () => answer, sent: () => sent, isOver: () => isOver };
  };

  const CHUNK = Buffer.concat([Buffer.from(`${PIECE.length.toString(16)}\r\n`), PIECE, Buffer.from('\r\n')]);
  const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n';
  const LONG = `Content-Length: ${10 ** 12}\r\n\r\n`;

  test.each([
    ['without a length, over the limit', 413, 'POST /api/v1/workflow/start HTTP/1.1', CHUNKED, CHUNK],
    ['of a length over the limit', 413, 'POST /api/v1/workflow/start HTTP/1.1', LONG, PIECE],
    ['of a route that is not there', 404, 'POST /nowhere HTTP/1.1', CHUNKED, CHUNK],
    ['of a route that takes none', 404, 'GET /nowhere HTTP/1.1', LONG, PIECE],
    ['of the wrong type', 415, 'POST /api/v1/workflow/control HTTP/1.1\r\nContent-Encoding: gzip', CHUNKED, CHUNK],
  ])(
    '%s is answered with %i while it is still being sent, and read no further',
    async (_, status, head, rest, piece) => {
      const sending = await endless(head, piece);
      sending.socket.write(rest);
      sending.go();
      await eventually(() => sending.answer().includes('\r\n\r\n'));
      expect(sending.answer()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(sending.answer()).toMatch(/\r\nConnection: close\r\n/i);
      await eventually(() => sending.isOver());
      expect(sending.sent()).toBeLessThan(HELD_BYTES);
      expect((await send(world.url, { path: '/health/live' })).status).toBe(200);
    },
  );

  test('that is short leaves the connection as it was', async () => {
    const { socket, answer } = await endless('POST /nowhere HTTP/1.1', PIECE);
    socket.write('Content-Length: 4\r\n\r\n');
    await eventually(() => /404 Not Found[^]*"success":false/.test(answer()));
    socket.write('{}  GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await eventually(() => answer().includes('HTTP/1.1 200'));
  });

  test('a body without a length that is within the limit is as any other', async () => {
    const start = post('/api/v1/workflow/start', { project_id: 'p', document_type: 'ib' });
    const { status } = await send(world.url, {
      ...start,
      headers: { ...start.headers, 'Transfer-Encoding': 'chunked' },
    });
    expect(status).toBe(201);
  });

  test('a body that breaks off is nothing that the log has to know', async () => {
    const { socket } = await endless('POST /api/v1/workflow/start HTTP/1.1', PIECE);
    socket.write(`Content-Length: 400\r\n\r\n{"project`);
    socket.destroy();
    await eventually(async () => (await send(world.url, { path: '/health/live' })).status === 200);
    expect(world.logged).toEqual([]);
  });
});
