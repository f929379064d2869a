/** What becomes of a request that asks for another protocol, and is none for us, or is refused. */
import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Refusal } from './admission.js';

/** Some clients offer HTTP/2 with each request: it is answered as if they had not. */
export const handBack = (server: Server, request: IncomingMessage, socket: Duplex, rest: Buffer): void => {
  const { method, url, httpVersion, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name, value] = [rawHeaders[at]!, rawHeaders[at + 1]!];
    if (/^(upgrade|http2-settings)$/i.test(name)) continue;
    lines.push(`${name}: ${/^connection$/i.test(name) ? withoutOffers(value) : value}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), rest]));
  server.emit('connection', socket);
};

const withoutOffers = (connection: string): string => {
  const kept = connection.split(',').filter((token) => !/^\s*(upgrade|http2-settings)\s*$/i.test(token));
  return kept.length > 0 ? kept.join() : 'keep-alive';
};

export const refuse = (socket: Duplex, { status, code, message }: Refusal): void => {
  const body = JSON.stringify({ success: false, error: { code, message } });
  socket.on('error', () => undefined);
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
    () => socket.destroy(),
  );
};
