/** URLs of servers that are refused, as docs/running.md lists them; and their passwords, in them or in files. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { loadConfig } from '../../../src/infrastructure/config/config.js';
import { connect } from '../../../src/infrastructure/eventstore/connect.js';
import { readEsdbUrl } from '../../../src/infrastructure/eventstore/esdb-url.js';

type Environment = Record<string, string>;

const problemsOf = (env: Environment): readonly string[] => {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    // However it is printed.
    expect(inspect(error, { depth: 9 })).not.toMatch(SECRET);
    return (error as { problems: readonly string[] }).problems;
  }
};

/** The password of all examples, and each of the two parts that a character cuts it into. */
const SECRET = /hun|ter2/;
const listed = [
  ...readFileSync('docs/running.md', 'utf8').matchAll(/^\| `((?:EVENTSTORE|DATABASE)_URL)=(\S+)` +\| (.*?) +\|$/gm),
].map(([, name = '', url = '', said = '']) => ({ name, url, said }));

test('the page lists URLs of both servers', () => {
  expect(new Set(listed.map(({ name }) => name))).toEqual(new Set(['EVENTSTORE_URL', 'DATABASE_URL']));
  expect(listed.length).toBeGreaterThan(30);
});

test.each(listed)(
  '$name=$url stops the start, and the sentence is the one in docs/running.md',
  ({ name, url, said }) => {
    expect(problemsOf({ [name]: url })).toEqual([`${name}: ${said}`]);
  },
);

/** In the place of the host, the path, a name, a value: wherever a password comes to stand where its special characters are raw. */
const special = [
  '@',
  ':',
  '/',
  '?',
  '#',
  '%',
  '&',
  '=',
  ',',
  ' ',
  '[',
  ']',
  '\\',
  '+',
  '@/',
  '/@',
  '?@',
  '&@',
  '@?tls=',
  '?a=b&',
  '?tls=',
];
test.each(special)('no part of a password with a raw %s is shown', (character) => {
  for (const scheme of ['esdb', 'esdb+discover', 'kurrentdb', 'postgres'])
    for (const password of [`hun${character}ter2`, `${character}hunter2`, `hunter2${character}`]) {
      const name = scheme === 'postgres' ? 'DATABASE_URL' : 'EVENTSTORE_URL';
      for (const end of ['@log', '@log:2113?tls=false', '@log:2113/db?x=y', ''])
        problemsOf({ [name]: `${scheme}://admin:${password}${end}` });
    }
});

test.each([
  ['esdb://log', { hosts: [{ address: 'log', port: 2113 }], isCluster: false, hasTls: true }],
  ['kdb://a_b:1/?tls=false', { hosts: [{ address: 'a_b', port: 1 }], isCluster: false, hasTls: false }],
  ['kurrentdb+discover://db.example:7?tls=true', { hosts: [{ address: 'db.example', port: 7 }], isCluster: true }],
  [
    'esdb://a,b:2,[::1]:3',
    {
      hosts: [
        { address: 'a', port: 2113 },
        { address: 'b', port: 2 },
        { address: '[::1]', port: 3 },
      ],
      isCluster: true,
    },
  ],
  ['esdb://ad%40min:p%3Aw%2F%25@log', { credentials: { username: 'ad@min', password: 'p:w/%' } }],
  ['esdb://log?Node_Preference=Read-Only-Replica', { parameters: { nodePreference: 'read_only_replica' } }],
  [
    'esdb://log?keepAliveInterval=-1&connectionName=a%20b@c',
    { parameters: { keepAliveInterval: -1, connectionName: 'a b@c' } },
  ],
])('%s is read', (url, expected) => {
  expect(readEsdbUrl(url)).toMatchObject(expected);
  expect(problemsOf({ EVENTSTORE_URL: url })).toEqual([]);
});

test.each([
  'postgres://db',
  'postgres://app@db/app',
  'postgres://app:p@ss@db/app',
  'postgres://app@/app?host=/run',
  'postgresql://%2Frun/app',
  'postgres://db/app?sslmode=verify-full&channel_binding=require&pgbouncer=true',
])('a database at %s is not refused', (url) => expect(problemsOf({ DATABASE_URL: url })).toEqual([]));

describe('the client', () => {
  const written: string[] = [];
  const kept = { warn: console.warn, error: console.error, log: console.log };
  beforeEach(() => {
    written.length = 0;
    for (const name of ['warn', 'error', 'log'] as const)
      console[name] = (...said: unknown[]) => void written.push(inspect(said));
  });
  afterEach(() => void Object.assign(console, kept));

  test.each([
    'esdb://admin:hunter2@log:2113?tlsVerifyCert=true&keepAliveInterval=10000',
    'kdb+discover://admin:hunter2@log?tls=false&gossipTimeout=3',
  ])('made of %s says nothing', async (url) => {
    await connect(url).dispose();
    expect(written).toEqual([]);
  });

  test('of a string that it would not understand is not made, and the error shows nothing of it', () => {
    expect(() => connect('esdb://admin:hunter2@log?retries=3')).toThrow(
      /^The connection string of the event store: expected parameters out of .*"retries"$/,
    );
    expect(() => connect('esdb://admin@log')).toThrow(/expected a password for the user/);
    expect(written).toEqual([]);
  });
});

describe.each([
  ['EVENTSTORE', 'esdb://admin', 'log:2113?tls=false'],
  ['DATABASE', 'postgres://admin', 'db:5432/app'],
])('%s_PASSWORD_FILE', (prefix, user, rest) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'password-file-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  const [url, file] = [`${prefix}_URL`, `${prefix}_PASSWORD_FILE`];
  const holding = (text: string) => {
    const name = path.join(directory, 'password');
    writeFileSync(name, text);
    return name;
  };
  const revealed = (env: Environment) => {
    const config = loadConfig(env);
    return (prefix === 'DATABASE' ? config.databaseUrl : config.eventstoreUrl)?.reveal();
  };

  test.each(['hunter2', 'hunter2\n', 'hunter2\r\n'])('holding %j completes the URL', (text) => {
    expect(revealed({ [url]: `${user}@${rest}`, [file]: holding(text) })).toBe(`${user}:hunter2@${rest}`);
  });

  test('may hold any characters', () => {
    const password = ' p@ss:w/o?r#d%40 $&é';
    const complete = revealed({ [url]: `${user}@${rest}`, [file]: holding(password) })!;
    expect(decodeURIComponent(/:([^:@]*)@/.exec(complete)![1]!)).toBe(password);
    expect(problemsOf({ [url]: complete })).toEqual([]);
  });

  test('may say again what the URL says, and nothing else', () => {
    const complete = `${user}:hunter2@${rest}`;
    expect(revealed({ [url]: complete, [file]: holding('hunter2') })).toBe(complete);
    expect(problemsOf({ [url]: complete, [file]: holding('hunter3') })).toEqual([
      `${file}: expected one password, in ${url} or in the file; got two that differ.`,
    ]);
  });

  test.each([
    ['', /^\w+: expected a file with the password; got an empty file, ".*"\.$/],
    ['\n', /expected a file with the password; got an empty file/],
    ['hunter2\nhunter2', /expected a file with the password in one line; got several lines in ".*"\.$/],
    ['hun'.repeat(2_000), /expected a file with a password of at most 4096 bytes; got more in/],
  ])('holding %j is refused', (text, said) => {
    expect(problemsOf({ [url]: `${user}@${rest}`, [file]: holding(text) })).toEqual([expect.stringMatching(said)]);
  });

  test('that cannot be read, or has no user to belong to, is refused', () => {
    expect(problemsOf({ [url]: `${user}@${rest}`, [file]: '/no/such/file' })).toEqual([
      `${file}: expected a file with the password that can be read; got "/no/such/file" (ENOENT).`,
    ]);
    expect(problemsOf({ [file]: holding('hunter2') })).toEqual([
      `${file}: expected ${url} with a user, whose password the file holds; got no URL.`,
    ]);
    expect(problemsOf({ [url]: `${user.replace('admin', '')}${rest}`, [file]: holding('hunter2') })).toEqual([
      `${file}: expected ${url} with a user, whose password the file holds; got no user in it.`,
    ]);
  });
});
