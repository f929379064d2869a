/** Who may open a connection. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { EXPECTED_HOST, isLoopbackName, type HostCheck } from '../known-hosts.js';

export type Refusal = Readonly<{ status: 400 | 401 | 403 | 421 | 503; code: string; message: string }>;

export type Admission = Readonly<{
  isKnownHost: HostCheck;
  /** What clients have to know; undefined: nothing. */
  apiKey?: string | undefined;
}>;

const UNKNOWN_HOST: Refusal = { status: 421, code: 'UNKNOWN_HOST', message: `Host: expected ${EXPECTED_HOST}.` };

/**
 * With a key, whoever has it; browsers let any page open a WebSocket anywhere, so without one those pages only that come
 * from this machine.
 */
export const refusalOf = (
  request: IncomingMessage,
  url: URL,
  { isKnownHost, apiKey }: Admission,
): Refusal | undefined => {
  if (!isKnownHost(request.headers.host)) return UNKNOWN_HOST;
  if (apiKey === undefined) {
    const { origin } = request.headers;
    return origin === undefined || isLocal(origin)
      ? undefined
      : forbidden('Pages of other hosts may connect where REALTIME_API_KEY is set, and known to them.');
  }
  const { apikey } = request.headers;
  const given = url.searchParams.get('apikey') ?? (typeof apikey === 'string' ? apikey : null);
  if (given === null) return { status: 401, code: 'UNAUTHORIZED', message: 'Expected an API key as `apikey`.' };
  return isSame(given, apiKey) ? undefined : forbidden('The API key is not the one that is expected here.');
};

const forbidden = (message: string): Refusal => ({ status: 403, code: 'FORBIDDEN', message });

const isLocal = (origin: string): boolean => URL.canParse(origin) && isLoopbackName(new URL(origin).hostname);

/** In a time that says nothing about where they differ, or how long they are. */
const isSame = (a: string, b: string): boolean => timingSafeEqual(hashed(a), hashed(b));
const hashed = (text: string): Buffer => createHash('sha256').update(text).digest();
