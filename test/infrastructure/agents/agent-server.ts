/** Agents of every kind on a loopback port, the well-behaved and the hostile. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';

export type Received = Readonly<{ method: string; path: string; headers: IncomingHttpHeaders; body: string }>;

export type AgentServer = Readonly<{
  url: URL;
  /** What has come in so far. */
  received: readonly Received[];
  close(): Promise<void>;
}>;

/** @param answer called when a whole request has come in */
export async function serveAgent(answer: (response: ServerResponse, request: Received) => void): Promise<AgentServer> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { method = '', url: path = '', headers } = request;
      received.push({ method, path, headers, body });
      answer(response, received.at(-1)!);
    });
  });
  const url = await listen(server);
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url, received, close };
}

/** @param talk called when the first bytes of a connection have come in */
export async function serveBytes(talk: (socket: Socket) => void): Promise<AgentServer> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => talk(socket));
  });
  const url = await listen(server);
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { url, received: [], close };
}

async function listen(server: Server): Promise<URL> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/enrich`);
}
