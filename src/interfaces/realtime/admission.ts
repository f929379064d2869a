/** Which clients may open a connection, and what other upgrade requests are answered. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { clientOf, networkOf } from '../http/server/client.js';
import { connectionEvent } from '../http/server/connections.js';
import { takeAddress, type RequestLimits } from '../http/server/request-limits.js';
import { EXPECTED_HOST, type HostCheck, EXPECTED_ORIGIN, type OriginCheck } from '../known-origins.js';

export type Refusal = Readonly<{
  status: 400 | 401 | 403 | 421 | 429 | 503;
  code: string;
  message: string;
  retryAfterSeconds?: number;
}>;

export type Admission = Readonly<{
  isKnownHost: HostCheck;
  isKnownOrigin: OriginCheck;
  /** Why a connection exceeds the limit; undefined: it does not. */
  overLimit?: (socket: Duplex) => string | undefined;
  /** What each address may do: ask, and hold open. */
  limits?: Pick<RequestLimits, 'address' | 'sockets'> | undefined;
  /** What clients have to know; undefined: nothing. */
  apiKey?: string | undefined;
}>;

const UNKNOWN_HOST: Refusal = { status: 421, code: 'UNKNOWN_HOST', message: `Host: expected ${EXPECTED_HOST}.` };

/**
 * Pages only of this server's own address and of the origins that are allowed, since browsers let any page open a WebSocket
 * anywhere, and the keys of pages are no secret; every other client with the key, where a key is set.
 */
export const refusalOf = (
  request: IncomingMessage,
  url: URL,
  { isKnownHost, isKnownOrigin, apiKey, overLimit, limits }: Admission,
): Refusal | undefined => {
  const { host, origin } = request.headers;
  const tooMany = overLimit?.(request.socket);
  if (tooMany !== undefined) return { status: 503, code: 'TOO_MANY_CONNECTIONS', message: `${tooMany}.` };
  const waitMs = limits?.address ? takeAddress(limits.address, request) : 0;
  if (waitMs > 0) return tooManyRequests('requests', Math.ceil(waitMs / 1_000));
  if (!isKnownHost(host)) return UNKNOWN_HOST;
  if (!isKnownOrigin(origin, host)) return forbidden(`Origin: expected ${EXPECTED_ORIGIN}.`);
  if (apiKey === undefined) return undefined;
  const given = apikeyOf(request, url);
  if (given === null) return { status: 401, code: 'UNAUTHORIZED', message: 'Expected an API key as `apikey`.' };
  return isSame(given, apiKey) ? undefined : forbidden('The API key is not the one that is expected here.');
};

/** The parameter, or else the header. */
export const apikeyOf = ({ headers: { apikey } }: IncomingMessage, url: URL | undefined): string | null =>
  url?.searchParams.get('apikey') ?? (typeof apikey === 'string' ? apikey : null);

/** How long a client waits that has as many connections as it may have. */
const SOCKETS_RETRY_SECONDS = 5;

const tooManyRequests = (what: 'requests' | 'connections', retryAfterSeconds: number): Refusal => ({
  ...{ status: 429, code: 'TOO_MANY_REQUESTS', retryAfterSeconds },
  message: `This address has more ${what} than it may have; come again in ${retryAfterSeconds} s.`,
});

/**
 * Counts an admitted client among those of its address until its socket closes.
 * @returns a refusal where there are too many
 */
export const countSocket = (request: IncomingMessage, socket: Duplex, { limits }: Admission): Refusal | undefined => {
  if (!limits?.sockets) return undefined;
  const end = limits.sockets.take(networkOf(clientOf(request).address));
  if (!end) return tooManyRequests('connections', SOCKETS_RETRY_SECONDS);
  socket.once('close', end);
  return undefined;
};

const forbidden = (message: string): Refusal => ({ status: 403, code: 'FORBIDDEN', message });

/** In constant time, whatever the position of the first difference and the lengths. */
const isSame = (a: string, b: string): boolean => timingSafeEqual(hashed(a), hashed(b));
const hashed = (text: string): Buffer => createHash('sha256').update(text).digest();

/** What becomes of a request that asks for another protocol, and is none for us, or is refused. */

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
  server.emit(connectionEvent(server), socket);
};

const withoutOffers = (connection: string): string => {
  const kept = connection.split(',').filter((token) => !/^\s*(upgrade|http2-settings)\s*$/i.test(token));
  return kept.length > 0 ? kept.join() : 'keep-alive';
};

export const refuse = (socket: Duplex, { status, code, message, retryAfterSeconds }: Refusal): void => {
  const body = JSON.stringify({ success: false, error: { code, message } });
  socket.on('error', () => undefined);
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...(retryAfterSeconds === undefined ? [] : [`Retry-After: ${retryAfterSeconds}`]),
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
    () => socket.destroy(),
  );
};
