/** Calls that carry headers and signatures, to a real server; the secrets change while they run. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Clock } from '../../../src/application/runtime/clock.js';
import { AgentCredentials } from '../../../src/infrastructure/agents/agent-credentials.js';
import { isReserved } from '../../../src/infrastructure/agents/header-lines.js';
import { HttpAgents } from '../../../src/infrastructure/agents/http-agents.js';
import { defaultAgentLimits } from '../../../src/infrastructure/agents/limits.js';
import { verify } from '../../support/webhook-receiver.js';
import { aCall } from './a-call.js';
import { serveAgent, type AgentServer, type Received } from './agent-server.js';

class SetClock extends Clock {
  at = Date.parse('2026-03-01T12:00:00.000Z');
  now(): Date {
    return new Date(this.at);
  }
  wakeAt(): never {
    throw new Error('Expected no timer');
  }
  wakeAfter(): never {
    throw new Error('Expected no timer');
  }
}

const FIRST = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const SECOND = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;
const TOKEN = 'first-token-of-the-test';

let directory: string;
let clock: SetClock;
let told: string[];
const servers: AgentServer[] = [];
const opened: HttpAgents[] = [];

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'agent-credentials-'));
  clock = new SetClock();
  told = [];
});
afterEach(async () => {
  await Promise.all([...opened.splice(0), ...servers.splice(0)].map((each) => each.close()));
  await rm(directory, { recursive: true });
});

/** As it should be replaced: whole. */
const write = async (name: string, text: string, mode = 0o600) => {
  const file = path.join(directory, name);
  await writeFile(`${file}.new`, text, { mode });
  await rename(`${file}.new`, file);
  return file;
};

const serve = async (answer: (response: ServerResponse, request: Received) => void) => {
  const server = await serveAgent(answer);
  servers.push(server);
  return server;
};
const succeed = (response: ServerResponse) => void response.end('{"success":true}');

const open = (settings: Parameters<typeof AgentCredentials.open>[0]) =>
  AgentCredentials.open(settings, clock, (level, line) => told.push(`${level}: ${line}`));

const calling = (credentials: AgentCredentials, limits = defaultAgentLimits) => {
  const agents = new HttpAgents(clock, limits, undefined, undefined, ({ agent, idempotencyKey }, _url, body) =>
    credentials.forCall(agent.toUpperCase(), idempotencyKey, body),
  );
  opened.push(agents);
  return agents;
};

const passASecond = () => (clock.at += 1_000);
const isSigned = (secret: string, { headers, body }: Received) => verify(secret, { headers, text: body }, clock.at);

test('a call carries the headers and signatures of its agent alone', async () => {
  const server = await serve(succeed);
  const credentials = await open({
    REGDATA: {
      HEADERS: 'X-Team: documents',
      HEADERS_FILE: await write('headers', 'X-Api-Key: 0123456789\n'),
      TOKEN_FILE: await write('token', `${TOKEN}\n`),
      SIGNING_SECRET_FILE: await write('secrets', `${FIRST}\n${SECOND}\n`),
    },
  });
  const agents = calling(credentials);
  const input = { ...aCall().input, metadata: { title: 'Gr\u00fc\u00dfe \u{1f600} \ud800' } };
  await agents.call(aCall({ input }), server.url);
  await agents.call(aCall({ agent: 'writer', input }), server.url);
  const [signed, other] = server.received as [Received, Received];
  expect(signed.headers).toMatchObject({
    ...{ 'x-team': 'documents', 'x-api-key': '0123456789', authorization: `Bearer ${TOKEN}` },
    ...{ 'content-type': 'application/json', 'webhook-id': aCall().idempotencyKey, 'webhook-timestamp': '1772366400' },
  });
  for (const secret of [FIRST, SECOND]) {
    expect(isSigned(secret, signed)).toBe(true);
    expect(isSigned(secret, { ...signed, body: signed.body.replace('enrich', 'write') })).toBe(false);
  }
  for (const name of ['authorization', 'x-team', 'x-api-key', 'webhook-id', 'webhook-signature'])
    expect(other.headers).not.toHaveProperty(name);
  expect(credentials.shown('REGDATA')).toEqual({ headers: ['x-team', 'x-api-key', 'authorization'], signed: true });
  expect(credentials.shown('WRITER')).toBeUndefined();
});

test('no header of a file can take the place of one that each call carries', async () => {
  const server = await serve(succeed);
  const secret = await write('secrets', FIRST);
  const agents = calling(await open({ REGDATA: { SIGNING_SECRET_FILE: secret } }));
  await agents.call(aCall(), server.url);
  for (const name of Object.keys(server.received[0]!.headers)) expect([name, isReserved(name)]).toEqual([name, true]);
});

test('what changes in a file is used a second later, and what was there before is still hidden', async () => {
  const server = await serve((response, { headers }) =>
    response.end(JSON.stringify({ success: true, data: { headers: headers.authorization, earlier: TOKEN } })),
  );
  const file = await write('token', TOKEN);
  const secrets = await write('secrets', FIRST);
  const agents = calling(await open({ REGDATA: { TOKEN_FILE: file, SIGNING_SECRET_FILE: secrets } }));
  await write('token', 'second-token-of-the-test');
  await write('secrets', SECOND);
  await agents.call(aCall(), server.url);
  passASecond();
  const reply = await agents.call(aCall(), server.url);
  const [before, after] = server.received as [Received, Received];
  expect(before.headers.authorization).toBe(`Bearer ${TOKEN}`);
  expect(after.headers.authorization).toBe('Bearer second-token-of-the-test');
  expect([isSigned(FIRST, after), isSigned(SECOND, after)]).toEqual([false, true]);
  expect(reply).toMatchObject({ success: true, data: { headers: '[hidden]', earlier: '[hidden]' } });
});

test('where a file cannot be used any more, the last value stays, and that is logged once', async () => {
  const server = await serve(succeed);
  const file = await write('token', TOKEN);
  const agents = calling(await open({ REGDATA: { TOKEN_FILE: file } }));
  const sent = async () => {
    passASecond();
    await agents.call(aCall(), server.url);
    return server.received.at(-1)!.headers.authorization;
  };
  await rm(file);
  expect([await sent(), await sent()]).toEqual([`Bearer ${TOKEN}`, `Bearer ${TOKEN}`]);
  expect(told).toEqual([
    `warn: What calls carried before stays in use: AGENT_REGDATA_TOKEN_FILE: expected a file that can be read, got "${file}" (ENOENT).`,
  ]);
  await write('token', 'not a token');
  expect([await sent(), await sent()]).toEqual([`Bearer ${TOKEN}`, `Bearer ${TOKEN}`]);
  expect(told).toHaveLength(2);
  expect(told[1]).not.toContain('not a token');
  await write('token', 'second-token-of-the-test');
  expect(await sent()).toBe('Bearer second-token-of-the-test');
  expect(told.slice(2)).toEqual(['log: The files of AGENT_REGDATA_... can be used again']);
});

test('a file that every user may read is logged once', async () => {
  const file = await write('token', TOKEN);
  await chmod(file, 0o644);
  const agents = calling(await open({ REGDATA: { TOKEN_FILE: file } }));
  const server = await serve(succeed);
  passASecond();
  await agents.call(aCall(), server.url);
  expect(told).toEqual([
    `warn: "${file}" holds a secret, and every user of this machine may read it. chmod 600 ends that`,
  ]);
});

test('files that cannot be used end the start, all in one message', async () => {
  const start = open({ A: { TOKEN_FILE: '/nowhere' }, B: { HEADERS_FILE: await write('headers', 'geheim') } });
  await expect(start).rejects.toThrow(/AGENT_A_TOKEN_FILE: .*\nAGENT_B_HEADERS_FILE: line 1: /);
});

test('an agent that repeats what it was sent brings no secret into an error', async () => {
  const file = await write('token', TOKEN);
  const agents = calling(await open({ REGDATA: { TOKEN_FILE: file } }), { ...defaultAgentLimits, messageLength: 150 });
  const answers: ((response: ServerResponse) => void)[] = [
    (response) => response.writeHead(401).end(JSON.stringify({ error: { message: `no: Bearer ${TOKEN}` } })),
    (response) => response.setHeader('content-type', `text/${TOKEN}`).end('no JSON'),
    (response) => response.setHeader('content-type', `${'x'.repeat(90)}${TOKEN}`).end('no JSON'),
    (response) => response.end(JSON.stringify({ success: false, error: { type: 'fatal', message: TOKEN } })),
  ];
  for (const answer of answers) {
    const server = await serve(answer);
    const reply = JSON.stringify(await agents.call(aCall(), server.url));
    expect(reply).toContain('"success":false');
    for (let length = TOKEN.length; length >= 8; length--) expect(reply).not.toContain(TOKEN.slice(0, length));
  }
});

test('a redirect takes no header to another server', async () => {
  const other = await serve(succeed);
  const server = await serve((response) => void response.writeHead(307, { location: other.url.href }).end());
  const agents = calling(await open({ REGDATA: { TOKEN_FILE: await write('token', TOKEN) } }));
  expect(await agents.call(aCall(), server.url)).toMatchObject({ success: false, error: { code: 'REDIRECT' } });
  expect(server.received).toHaveLength(1);
  expect(other.received).toEqual([]);
});

/** What docs/agents.md gives agents to check signatures with. */
const checkOfTheDocs = (headers: object, body: string, secret: string): string => {
  const page = readFileSync('docs/agents.md', 'utf8');
  const [, snippet] = /```js\n(import \{ createHmac[^]*?)```/.exec(page) ?? [];
  const program = `${snippet}\nconsole.log(isSigned(${JSON.stringify(headers)}, ${JSON.stringify(body)}))`;
  const env = { ...process.env, SECRET: secret };
  return execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', env }).trim();
};

test('the check of the documentation takes calls that are signed, and no others', async () => {
  clock.at = Date.now();
  const server = await serve(succeed);
  const agents = calling(
    await open({ REGDATA: { SIGNING_SECRET_FILE: await write('secrets', `${FIRST}\n${SECOND}`) } }),
  );
  await agents.call(aCall(), server.url);
  const { headers, body } = server.received[0]!;
  expect([FIRST, SECOND].map((secret) => checkOfTheDocs(headers, body, secret))).toEqual(['true', 'true']);
  expect(checkOfTheDocs(headers, `${body} `, FIRST)).toBe('false');
  const late = { ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) - 301) };
  expect(checkOfTheDocs(late, body, FIRST)).toBe('false');
});
