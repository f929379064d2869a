/** Requests to the provider: bounded in time and in what is read of an answer, and never redirected. */
import type { Clock } from '../../application/runtime/clock.js';
import { NotReady } from '../../application/runtime/errors.js';

const MOST_BYTES = 1024 * 1024;

export type ProviderHttp = Readonly<{
  /** As the global function of that name, with the whole answer in memory. @throws NotReady where there is no such answer */
  fetch: (url: string, options?: RequestInit) => Promise<Response>;
  /** @throws Error that names the address and what it answered with in place of a JSON object */
  json: (url: string) => Promise<Readonly<Record<string, unknown>>>;
}>;

export const providerHttp = (clock: Clock, timeoutMs: number): ProviderHttp => {
  const fetchIt = async (url: string, options: RequestInit = {}): Promise<Response> => {
    const ending = new AbortController();
    const cancel = clock.wakeAfter(timeoutMs, () =>
      ending.abort(new Error(`${new URL(url).host} did not answer within ${timeoutMs} ms`)),
    );
    try {
      const response = await fetch(url, { ...options, redirect: 'manual', signal: ending.signal });
      const body = await bytesOf(response);
      const { status, statusText, headers } = response;
      return new Response(body.byteLength > 0 ? body : null, { status, statusText, headers });
    } catch (error) {
      const cause: unknown = ending.signal.aborted ? ending.signal.reason : error;
      throw new NotReady('The OpenID provider cannot be asked at this moment: repeat the request', { cause });
    } finally {
      cancel();
    }
  };
  const json = async (url: string) => {
    const response = await fetchIt(url, { headers: { accept: 'application/json' } });
    if (response.status !== 200) throw new Error(`${url}: expected status 200, got ${response.status}`);
    const value: unknown = await response.json().catch(() => null);
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Error(`${url}: expected a JSON object, got something else`);
    return value as Readonly<Record<string, unknown>>;
  };
  return { fetch: fetchIt, json };
};

const bytesOf = async (response: Response): Promise<Uint8Array<ArrayBuffer>> => {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += part.byteLength;
    if (bytes > MOST_BYTES) throw new Error(`Expected an answer of at most ${MOST_BYTES} bytes, got more`);
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
};
