/** A server that speaks HTTP over bare sockets: it decides about each request before a byte of an answer is sent. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** What the server does with a request; `nth` counts the requests of its connection from 1. */
export type Treat = (socket: Socket, nth: number) => void;

export type ClosingServer = Readonly<{
  url: string;
  /** The heads of all requests, in the order they came. */
  heads: readonly string[];
  connections: () => number;
  close: () => Promise<void>;
}>;

/** Answers and leaves the connection open, as a server does that keeps it alive. */
export const answer =
  (body = '{"success": true}'): Treat =>
  (socket) =>
    void socket.write(
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );

export const end: Treat = (socket) => void socket.end();
export const reset: Treat = (socket) => void socket.resetAndDestroy();

export const startClosingServer = async (treat: Treat): Promise<ClosingServer> => {
  const [heads, sockets]: [string[], Set<Socket>] = [[], new Set()];
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    let [seen, nth] = ['', 0];
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      seen += chunk;
      for (let whole = wholeOf(seen); whole; whole = wholeOf(seen)) {
        seen = seen.slice(whole.length);
        heads.push(whole.head);
        treat(socket, ++nth);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, heads, connections: () => connections, close };
};

const wholeOf = (seen: string): Readonly<{ head: string; length: number }> | undefined => {
  const border = seen.indexOf('\r\n\r\n');
  if (border < 0) return undefined;
  const head = seen.slice(0, border);
  const length = border + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
  return seen.length < length ? undefined : { head, length };
};
