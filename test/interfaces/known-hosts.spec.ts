import { hostCheck } from '../../src/composition/hosts.js';
import { loadConfig } from '../../src/infrastructure/config/config.js';
import { knownHosts } from '../../src/interfaces/known-hosts.js';

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

describe('who checks the name', () => {
  const checked = (env: Record<string, string>) => {
    const isKnown = hostCheck(loadConfig(env));
    return ['localhost:3000', 'api.example.com', 'evil.example.com'].filter(isKnown);
  };

  test.each(['127.0.0.1', 'localhost', '::1'])('whoever listens on %s', (HOST) => {
    expect(checked({ HOST })).toEqual(['localhost:3000']);
    expect(checked({ HOST, PUBLIC_URL: 'https://API.example.com/executor' })).toEqual([
      'localhost:3000',
      'api.example.com',
    ]);
  });

  test('not who let everyone in', () => {
    for (const HOST of ['0.0.0.0', '127.0.0.1'])
      expect(checked({ HOST, ALLOW_UNAUTHENTICATED_NETWORK: 'true' })).toHaveLength(3);
  });
});
