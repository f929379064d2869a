/** Who may open a connection. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export type Refusal = Readonly<{ status: 400 | 401 | 403 | 503; code: string; message: string }>;

/**
 * With a key, whoever has it; browsers let any page open a WebSocket anywhere, so without one those pages only that come
 * from this machine.
 */
export const refusalOf = (request: IncomingMessage, url: URL, apiKey: string | undefined): Refusal | undefined => {
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

const isLocal = (origin: string): boolean => {
  const hostname = URL.canParse(origin) ? new URL(origin).hostname : '';
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
};

/** In a time that says nothing about where they differ, or how long they are. */
const isSame = (a: string, b: string): boolean => timingSafeEqual(hashed(a), hashed(b));
const hashed = (text: string): Buffer => createHash('sha256').update(text).digest();
