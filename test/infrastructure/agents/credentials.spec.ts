import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readCredentials } from '../../../src/infrastructure/agents/credentials.js';
import { isReserved, readHeaderLines } from '../../../src/infrastructure/agents/header-lines.js';
import { loadConfig } from '../../../src/infrastructure/config/config.js';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OTHER = `whsec_${Buffer.alloc(24, 8).toString('base64')}`;

let directory: string;
beforeAll(async () => (directory = await mkdtemp(path.join(tmpdir(), 'agent-credentials-'))));
afterAll(() => rm(directory, { recursive: true }));

let files = 0;
const file = async (text: string | Buffer) => {
  const name = path.join(directory, `file-${++files}`);
  await writeFile(name, text, { mode: 0o600 });
  return name;
};

const problemsOf = (values: Parameters<typeof readCredentials>[1]) => readCredentials('WRITER', values).problems;

describe('lines of headers', () => {
  test('are names and values, without empty lines and comments', () => {
    const { headers, problems } = readHeaderLines('# of ours\r\nX-Tenant: a: b \r\n\r\nAuthorization:Bearer x\n');
    expect([...headers]).toEqual([
      ['x-tenant', 'a: b'],
      ['authorization', 'Bearer x'],
    ]);
    expect(problems).toEqual([]);
  });

  test.each([
    ['geheim', 'line 1: expected `Name: value`, got a line without a colon.'],
    ['X-A: 1\nge heim: x', 'line 2: expected the name of a header before the colon, got something else.'],
    ['X-A:', 'line 1: x-a: expected a value of visible ASCII characters, got none or others.'],
    ['X-A: geheim\u0007', 'line 1: x-a: expected a value of visible ASCII characters, got none or others.'],
    ['X-A: geheim\u00fc', 'line 1: x-a: expected a value of visible ASCII characters, got none or others.'],
    [`X-A: ${'g'.repeat(8193)}`, 'line 1: x-a: expected at most 8192 characters, got 8193.'],
    ['X-A: 1\nx-a: 2', 'line 2: expected each header once, got x-a again.'],
    ['Host: a', 'line 1: expected a header that calls do not have already or must not have, got host.'],
    ['\n# none\n', 'expected a header as `Name: value`, got none.'],
    [Array.from({ length: 51 }, (_, at) => `X-${at}: 1`).join('\n'), 'expected at most 50 headers, got 51.'],
  ])('%j is refused without a value in the message', (text, problem) => {
    expect(readHeaderLines(text).problems).toEqual([problem]);
  });

  test('what calls have already, and what concerns a connection, is reserved in any case', () => {
    const names = ['Content-Type', 'content-length', 'HOST', 'Idempotency-Key', 'traceparent', 'Webhook-Signature'];
    for (const name of [...names, 'Connection', 'TE', 'Transfer-Encoding', 'Proxy-Authorization', 'X-Deadline'])
      expect(isReserved(name)).toBe(true);
    for (const name of ['Authorization', 'X-Api-Key', 'Cookie']) expect(isReserved(name)).toBe(false);
  });
});

describe('the credentials of an agent', () => {
  test('are its headers, its token and the secrets that sign; only what files hold is secret', async () => {
    const { credentials, problems } = readCredentials('WRITER', {
      HEADERS: 'X-Tenant: production',
      HEADERS_FILE: await file('X-Api-Key: 0123456789\nX-Short: 1234567\n'),
      TOKEN_FILE: await file('abc.def-123\n'),
      SIGNING_SECRET_FILE: await file(`${SECRET}\n${OTHER}\n`),
    });
    expect(problems).toEqual([]);
    expect(credentials).toMatchObject({
      headers: {
        ...{ 'x-tenant': 'production', 'x-api-key': '0123456789', 'x-short': '1234567' },
        authorization: 'Bearer abc.def-123',
      },
      signingSecrets: [SECRET, OTHER],
    });
    const keys = [SECRET, OTHER].flatMap((secret) => [secret, secret.slice('whsec_'.length)]);
    const expected = ['0123456789', 'Bearer abc.def-123', 'abc.def-123', ...keys];
    expect([...credentials.secrets].sort()).toEqual(expected.sort());
  });

  test('hold the password of Basic in clear among what must not be seen', async () => {
    const basic = Buffer.from('app:pass:word!').toString('base64');
    const { credentials } = readCredentials('A', { HEADERS_FILE: await file(`Authorization: Basic ${basic}`) });
    expect([...credentials.secrets].sort()).toEqual([`Basic ${basic}`, basic, 'pass:word!'].sort());
  });

  test('a header that looks like a secret has to be in a file', () => {
    for (const name of ['authorization', 'x-api-key', 'cookie', 'x-auth-token'])
      expect(problemsOf({ HEADERS: `${name}: geheim` })).toEqual([
        `AGENT_WRITER_HEADERS: expected no header that holds a secret, got ${name}. Put it into AGENT_WRITER_HEADERS_FILE.`,
      ]);
  });

  test('a header stands in one place', async () => {
    const headers = await file('X-Team: a\nAuthorization: Bearer abc');
    expect(problemsOf({ HEADERS: 'x-team: b', HEADERS_FILE: headers, TOKEN_FILE: await file('token') })).toEqual([
      'AGENT_WRITER_HEADERS: expected none that AGENT_WRITER_HEADERS_FILE has as well, got x-team.',
      'AGENT_WRITER_TOKEN_FILE: expected no authorization in AGENT_WRITER_HEADERS_FILE beside it, got one.',
    ]);
  });

  test.each([
    ['', 'an empty file'],
    ['geheim\ngeheim', 'several lines'],
    ['Bearer geheim', 'other characters'],
  ])('no token is %j', async (text, found) => {
    expect(problemsOf({ TOKEN_FILE: await file(text) })).toEqual([
      `AGENT_WRITER_TOKEN_FILE: expected a file with a bearer token alone, of letters, digits and -._~+/ with = at the end, got ${found}.`,
    ]);
  });

  test.each([
    ['', 'something else'],
    ['geheim', 'something else'],
    [SECRET.slice('whsec_'.length), 'something else'],
    [`whsec_${Buffer.alloc(23).toString('base64')}`, 'something else'],
    [`whsec_${Buffer.alloc(65).toString('base64')}`, 'something else'],
    [`${SECRET}=`, 'something else'],
    [`${SECRET}\n${SECRET}\n${SECRET}`, '3 lines'],
  ])('no signing secret is %j', async (text, found) => {
    expect(problemsOf({ SIGNING_SECRET_FILE: await file(text) })).toEqual([
      'AGENT_WRITER_SIGNING_SECRET_FILE: expected a file with one line of whsec_ and the base64 of 24 to 64 bytes, or 2 of ' +
        `them while the secret changes, got ${found}.`,
    ]);
  });

  test('a file is regular, can be read and is not large', async () => {
    const large = await file(Buffer.alloc(16 * 1024 + 1, 'x'));
    const folder = path.join(directory, 'folder');
    await mkdir(folder);
    expect(problemsOf({ HEADERS_FILE: folder, TOKEN_FILE: large, SIGNING_SECRET_FILE: '/nowhere/at/all' })).toEqual([
      `AGENT_WRITER_HEADERS_FILE: expected a regular file, got "${folder}", which is none.`,
      `AGENT_WRITER_TOKEN_FILE: expected a file of at most 16384 bytes, got more in "${large}".`,
      'AGENT_WRITER_SIGNING_SECRET_FILE: expected a file that can be read, got "/nowhere/at/all" (ENOENT).',
    ]);
  });
});

describe('the configuration', () => {
  test('has what is set for each agent, with absolute paths and no secret', async () => {
    const token = await file('a-secret-token');
    const config = loadConfig({ AGENT_MY_AGENT_TOKEN_FILE: path.basename(token) }, '', directory);
    expect(config.agentCredentials).toEqual({ MY_AGENT: { TOKEN_FILE: token } });
    expect(JSON.stringify(config)).not.toContain('a-secret-token');
    const lines = loadConfig({}, 'AGENT_A_HEADERS="X-A: 1\nX-B: 2"\n').agentCredentials;
    expect(lines).toEqual({ A: { HEADERS: 'X-A: 1\nX-B: 2' } });
  });

  test('says all that is wrong at once, without a secret', async () => {
    const start = async () =>
      loadConfig({
        PORT: 'abc',
        AGENT_A_HEADERS: 'Cookie: geheim',
        AGENT_A_HEADERS_FILE: await file('Host: geheim\ngeheim'),
        AGENT_B_TOKEN_FILE: await file('geheim geheim'),
        AGENT_B_SIGNING_SECRET_FILE: await file('geheim'),
        AGENT_C_TOKEN: 'geheim',
      });
    const message = await start().catch((error: Error) => error.message);
    for (const name of ['PORT', 'AGENT_A_HEADERS', 'AGENT_A_HEADERS_FILE', 'AGENT_B_TOKEN_FILE'])
      expect(message).toContain(`- ${name}: `);
    expect(message).toContain('AGENT_B_SIGNING_SECRET_FILE: ');
    expect(message).toContain('Put the secret into a file, and name the file in AGENT_C_TOKEN_FILE.');
    expect(message).not.toContain('geheim');
  });
});
