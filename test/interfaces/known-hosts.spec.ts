import { hostCheck, originCheck } from '../../src/composition/http.js';
import { loadConfig } from '../../src/infrastructure/config/config.js';
import { knownHosts } from '../../src/interfaces/known-origins.js';

describe('the names of this server', () => {
  const isKnown = knownHosts(['api.example.com', '[2001:db8::1]']);

  test.each([
    ['localhost', 'localhost:3000', 'LOCALHOST', '127.0.0.1', '127.0.0.1:3000', '127.9.9.9', '[::1]', '[::1]:3000'],
    ['api.example.com', 'API.Example.Com:443', '[2001:DB8::1]:8443'],
  ])('%s and such', (...hosts) => expect(hosts.filter((host) => !isKnown(host))).toEqual([]));

  test.each([
    ['another', 'evil.example.com', 'evil.example.com:3000', 'com', 'example.com', 'x.api.example.com'],
    ['one that looks like it', 'localhost.evil.example.com', '127.0.0.1.evil.example.com', 'localhost.', '127.0.0.1.'],
    ['another address', '0.0.0.0', '10.0.0.1', '[::]', '[::ffff:127.0.0.1]', '::1', '2130706433', '0x7f.1'],
    ['no name', '', ' ', ':3000', 'localhost:x', 'localhost:3000:3000', 'user@localhost', 'localhost/', '[::1', 'a b'],
  ])('not %s', (...[, ...hosts]) => expect(hosts.filter(isKnown)).toEqual([]));

  test('nor a request without any', () => expect(isKnown(undefined)).toBe(false));
});

describe('the name of the host is checked', () => {
  const NAMES = ['localhost:3000', 'api.example.com', '10.0.0.5:3000', '[2001:db8::1]:3000', 'evil.example.com'];
  const checked = (env: Record<string, string>) => NAMES.filter(hostCheck(loadConfig(env)));
  const OPEN = { AUTH: 'keys', TRUSTED_PROXY: 'loopback' };

  test.each(['127.0.0.1', 'localhost', '::1'])('by a server that listens on %s', (HOST) => {
    for (const more of [{}, OPEN]) {
      expect(checked({ HOST, ...more })).toEqual(['localhost:3000']);
      expect(checked({ HOST, PUBLIC_URL: 'https://API.example.com/executor', ...more })).toEqual(NAMES.slice(0, 2));
    }
  });

  test.each(['0.0.0.0', '::'])('by a server that listens on all addresses, %s: ALLOWED_HOSTS names them', (HOST) => {
    expect(checked({ HOST, ...OPEN })).toEqual(['localhost:3000']);
    const ALLOWED_HOSTS = 'API.example.com, 10.0.0.5, 2001:DB8::1';
    expect(checked({ HOST, ALLOWED_HOSTS, ...OPEN })).toEqual(NAMES.slice(0, 4));
  });

  test('by a server that listens on an address that is no loopback address', () => {
    expect(checked({ HOST: '10.0.0.5', ...OPEN })).toEqual(['localhost:3000', '10.0.0.5:3000']);
    expect(checked({ HOST: '2001:db8::1', ...OPEN })).toEqual(['localhost:3000', '[2001:db8::1]:3000']);
  });
});

describe('the pages that may follow what happens', () => {
  const follows = (host: string, env: Record<string, string> = {}) => {
    const isKnown = originCheck(loadConfig(env));
    return (origin?: string) => isKnown(origin, host);
  };

  test('what is no page', () => expect(follows('localhost:3000')(undefined)).toBe(true));

  test.each([
    ['http://localhost:3000', 'localhost:3000'],
    ['http://127.0.0.1', '127.0.0.1:80'],
    ['https://api.example.com', 'api.example.com'],
    ['https://api.example.com', 'API.example.com:443'],
    ['http://[::1]:3000', '[::1]:3000'],
  ])('%s at %s', (origin, host) => expect(follows(host)(origin)).toBe(true));

  test.each([
    ['http://localhost:5173', 'localhost:3000'],
    ['http://127.0.0.1:3000', 'localhost:3000'],
    ['http://localhost.example.com:3000', 'localhost:3000'],
    ['null', 'localhost:3000'],
    ['file://', 'localhost:3000'],
    ['', 'localhost:3000'],
  ])('not %s at %s', (origin, host) => expect(follows(host)(origin)).toBe(false));

  test('those of PUBLIC_URL and of ALLOWED_ORIGINS', () => {
    const env = {
      PUBLIC_URL: 'https://x.example/executor',
      ALLOWED_ORIGINS: 'http://localhost:5173/, https://app.example:443',
    };
    const isKnown = follows('localhost:3000', env);
    expect(['https://x.example', 'http://localhost:5173', 'https://app.example'].filter(isKnown)).toHaveLength(3);
    expect(['http://x.example', 'http://localhost:5174', 'http://app.example'].filter(isKnown)).toEqual([]);
  });
});
