/** The agent of the trial, a process of its own. It makes each key's effect once, and fails to answer in every way there is. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Call, Entry } from './ledger.js';
import { randomOf, seedFor, type Random } from './random.js';

const WEIGHTS = {
  ...{ none: 50, slow: 18, 'answer lost': 3, reset: 3, hang: 2, drip: 2, late: 1 },
  ...{ html: 2, 'truncated JSON': 2, empty: 2, '10 MB': 1, 'gzip bomb': 1, 'not gzip': 1 },
  ...{ 'status 5xx': 5, 'status 429': 3, 'status 4xx': 1, 'status fatal': 1, redirect: 1 },
  ...{ transient: 3, validation: 1 },
};

/** The last step never runs into its deadline, so that only a kill ends it early and only a take-over starts it again. */
const PATIENT_WEIGHTS = { ...WEIGHTS, slow: 60, hang: 0, drip: 0, late: 0 };

type Fault = keyof typeof WEIGHTS;
type Known = { -readonly [Name in keyof Entry]: Entry[Name] } & { calls: Call[]; open: number };
type Input = Readonly<{ execution_id: string; step: string; attempt: number }>;

const seed = Number(process.argv[2]);
const lateMs = Number(process.argv[3]);
const keys = new Map<string, Known>();
const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
const manyBytes = Buffer.alloc(10 * 1024 * 1024, 'x');
let calm = false;
let effects = 0;

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

const json = (response: ServerResponse, value: unknown, status = 200) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
};

const errorOf = (type: string) => ({ success: false, error: { type, code: 'CHAOS', message: `${type}, as drawn` } });

/** The value of Retry-After, and the time until which it really forbids a call. */
const retryAfter = (random: Random): readonly [string, number | null] => {
  const now = Date.now();
  const date = new Date(now + 3_000).toUTCString();
  return random.pick([
    ['1', now + 1_000],
    ['2', now + 2_000],
    [date, Date.parse(date)],
    [new Date(now - 60_000).toUTCString(), null],
    ['99999999999', now + 5_000], // more than the application accepts
    ['-5', null],
    ['soon', null],
  ] as const);
};

const run = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const input = JSON.parse(await bodyOf(request)) as Input;
  const key = String(request.headers['idempotency-key']);
  const known: Known = keys.get(key) ?? { key, calls: [], effects: 0, output: null, open: 0 };
  keys.set(key, known);
  const isPatient = input.step === 'publish';
  const random = randomOf(seedFor(seed, `${key}/${known.calls.length}`));
  const fault: Fault = calm ? 'none' : random.weighted(isPatient ? PATIENT_WEIGHTS : WEIGHTS);
  const [header, until] = retryAfter(random);
  const busy = fault === 'status 5xx' || fault === 'status 429';
  known.calls.push({
    ...{ execution: input.execution_id, step: input.step, attempt: input.attempt, at: Date.now(), fault },
    ...{ notBefore: busy ? until : null, besides: known.open },
  });
  known.open += 1;
  response.once('close', () => (known.open -= 1));
  const succeed = () => {
    if (known.effects === 0) {
      known.effects += 1;
      known.output = `effect ${(effects += 1)}`;
    }
    return { success: true, data: { [input.step]: known.output } };
  };
  const text = (status: number, body: string | Buffer, headers: Record<string, string> = {}) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(body);
  };
  switch (fault) {
    case 'none':
      return json(response, succeed());
    case 'slow':
      await delay(random.between(100, isPatient ? 6_000 : 2_500));
      return json(response, succeed());
    case 'late':
      await delay(lateMs);
      return json(response, succeed());
    case 'answer lost':
      succeed();
      return void request.socket.destroy();
    case 'reset':
      return void request.socket.resetAndDestroy();
    case 'hang':
      return;
    case 'drip': {
      response.writeHead(200, { 'content-type': 'application/json' });
      for (const letter of JSON.stringify(succeed())) {
        if (response.destroyed) return;
        response.write(letter);
        await delay(400);
      }
      return void response.end();
    }
    case 'html':
      return text(200, '<html><body>Sorry</body></html>', { 'content-type': 'text/html' });
    case 'truncated JSON':
      return text(200, JSON.stringify(succeed()).slice(0, -3));
    case 'empty':
      return text(200, '');
    case '10 MB':
      return text(200, manyBytes);
    case 'gzip bomb':
      return text(200, bomb, { 'content-encoding': 'gzip' });
    case 'not gzip':
      return text(200, 'no gzip', { 'content-encoding': 'gzip' });
    case 'status 5xx':
      return text(random.pick([500, 502, 503, 504]), 'busy', { 'retry-after': header });
    case 'status 429':
      return text(random.pick([408, 425, 429]), '{}', { 'retry-after': header });
    case 'status 4xx':
      return text(random.pick([400, 409, 413, 422]), '{}');
    case 'status fatal':
      return text(random.pick([401, 403, 404, 501]), '{}');
    case 'redirect':
      return text(random.pick([301, 302, 307, 308]), '', { location: 'http://169.254.169.254/latest/meta-data/' });
    case 'transient':
    case 'validation':
      return json(response, errorOf(fault));
  }
};

const listening = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
};

/** Answers the trial alone, and always. */
const desk = createServer((request, response) => {
  if (request.url === '/calm') calm = true;
  json(response, [...keys.values()]);
});
const agent = createServer((request, response) => {
  run(request, response).catch(() => response.destroy());
});
const port = await listening(agent);
console.log(`desk=http://127.0.0.1:${await listening(desk)} agent=http://127.0.0.1:${port}`);

/** Now and then the agent stops listening; open connections stay. */
const random = randomOf(seedFor(seed, 'refusals'));
while (!calm) {
  await delay(random.between(8_000, 15_000));
  if (calm) break;
  agent.close();
  await delay(random.between(300, 1_500));
  agent.listen(port, '127.0.0.1');
}
