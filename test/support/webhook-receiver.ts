/** A subscriber of the tests: a real HTTP server that checks signatures and remembers what came. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/* eslint-disable @typescript-eslint/no-explicit-any -- bodies are JSON whose shape is what the tests assert */
export type Received = Readonly<{
  path: string;
  headers: IncomingHttpHeaders;
  text: string;
  body: any;
  status: number;
}>;

/** The status to answer with; the handler may set headers, or write a body before. */
export type Receive = (
  received: Omit<Received, 'status'>,
  response: ServerResponse,
) => number | undefined | Promise<number>;

export type Receiver = Readonly<{
  url: string;
  port: number;
  all: readonly Received[];
  /** Accepted requests (2xx), each once: receivers recognise repetitions by the id. */
  taken: () => readonly Received[];
  answer: (receive: Receive) => void;
  close: () => Promise<void>;
}>;

export const startReceiver = async (receive: Receive = () => 204, port = 0): Promise<Receiver> => {
  const all: Received[] = [];
  let answer = receive;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const seen = { path: request.url ?? '', headers: request.headers, text, body: JSON.parse(text) };
      void Promise.resolve(answer(seen, response)).then((status) => {
        all.push({ ...seen, status: status ?? 0 });
        if (status === undefined) return;
        response.statusCode = status;
        response.end();
      });
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  const taken = () => {
    const byId = new Map<string, Received>();
    for (const each of all) {
      const id = String(each.headers['webhook-id']);
      if (each.status >= 200 && each.status < 300 && !byId.has(id)) byId.set(id, each);
    }
    return [...byId.values()];
  };
  const close = async () => {
    if (!server.listening) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    all,
    taken,
    answer: (next) => (answer = next),
    close,
  };
};

/** As docs/webhooks.md tells receivers to do it. */
export const verify = (
  secret: string,
  { headers, text }: Pick<Received, 'headers' | 'text'>,
  now = Date.now(),
): boolean => {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    String(headers[name]),
  ) as [string, string, string];
  if (Math.abs(now / 1_000 - Number(timestamp)) > 300) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${text}`).digest();
  return signatures.split(' ').some((each) => {
    const given = Buffer.from(each.replace(/^v1,/, ''), 'base64');
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
};
