import { request } from 'node:http';

export type Sent = Readonly<{
  method?: string;
  path: string;
  headers?: Readonly<Record<string, string | readonly string[]>>;
  body?: string | Uint8Array;
}>;

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are JSON whose shape is what the tests assert */
export type Received = Readonly<{ status: number; headers: Record<string, unknown>; text: string; json: any }>;

/** A request exactly as it is written: no client in between that mends paths, headers or bodies. */
export const send = (url: string, { method = 'GET', path, headers = {}, body }: Sent): Promise<Received> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const outgoing = request({
      hostname,
      port,
      method,
      path,
      headers: headers as Record<string, string>,
      agent: false,
    });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const isJson = String(response.headers['content-type']).startsWith('application/json');
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: isJson && text !== '' ? JSON.parse(text) : undefined,
        });
        outgoing.destroy();
      });
    });
    if (headers['Content-Length'] !== undefined && body === undefined) outgoing.flushHeaders();
    else outgoing.end(body);
  });

export const json = { 'Content-Type': 'application/json' };

export const post = (path: string, body: unknown, headers: Sent['headers'] = {}): Sent => ({
  method: 'POST',
  path,
  headers: { ...json, ...headers },
  body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
});
