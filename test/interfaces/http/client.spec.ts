import type { IncomingMessage } from 'node:http';
import { Server } from 'node:net';
import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { upgradeNotes } from '../../../src/interfaces/http/server/access-log.js';
import { clientOf, networkOf, trustProxies } from '../../../src/interfaces/http/server/client.js';

type Headers = Readonly<Record<string, string>>;

const PROXY = '10.0.0.1';

const client = (
  remoteAddress: string,
  headers: Headers,
  proxies = ['10.0.0.0/8', '2001:db8:1::/48'],
  isTls = false,
) => {
  const server = new Server();
  trustProxies(server, proxies);
  const socket = Object.assign(Object.create(isTls ? TLSSocket.prototype : null) as object, {});
  for (const [name, value] of Object.entries({ server, remoteAddress })) Object.defineProperty(socket, name, { value });
  return clientOf({ socket, headers } as unknown as IncomingMessage);
};
const address = (...given: Parameters<typeof client>) => client(...given).address;

describe('the client of a request', () => {
  it('is at the other end of the connection, as IPv4 where it is', () => {
    expect(client('203.0.113.5', {})).toEqual({ address: '203.0.113.5', isSecure: false });
    expect(client('::ffff:203.0.113.5', {})).toEqual({ address: '203.0.113.5', isSecure: false });
    expect(client('fe80::1%eth0', {}, [], true)).toEqual({ address: 'fe80::1', isSecure: true });
  });

  const SPOOFED = {
    'x-forwarded-for': '198.51.100.1',
    'x-forwarded-proto': 'https',
    forwarded: 'for=198.51.100.1;proto=https',
    'x-real-ip': '198.51.100.1',
  };
  it.each(['203.0.113.5', '11.0.0.1', '2001:db8:2::1', '::1', '127.0.0.1', ''])(
    'is not what headers say that %j sends, which is no trusted proxy',
    (peer) => expect(client(peer, SPOOFED)).toEqual({ address: peer, isSecure: false }),
  );
  it('is not what headers say where no proxy is trusted', () => {
    expect(client(PROXY, SPOOFED, [])).toEqual({ address: PROXY, isSecure: false });
  });

  it.each([
    [PROXY, '203.0.113.5', '203.0.113.5'],
    ['::ffff:10.0.0.1', '203.0.113.5', '203.0.113.5'],
    ['2001:db8:1::7', '2001:DB8:9::1', '2001:db8:9::1'],
    [PROXY, '::ffff:203.0.113.5', '203.0.113.5'],
    [PROXY, '203.0.113.5:49152', '203.0.113.5'],
    [PROXY, '[2001:db8:9::1]:49152', '2001:db8:9::1'],
    [PROXY, '198.51.100.1, 203.0.113.5', '203.0.113.5'],
    [PROXY, '198.51.100.1 ,203.0.113.5, 10.0.0.3,10.0.0.2', '203.0.113.5'],
    [PROXY, '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ])('behind %s, which says %j, is %s: the rightmost that is not trusted', (peer, list, expected) => {
    expect(address(peer, { 'x-forwarded-for': list })).toBe(expected);
  });

  it.each([
    ['', PROXY],
    ['unknown', PROXY],
    ['203.0.113.5, unknown', PROXY],
    ['203.0.113.5,', PROXY],
    ['203.0.113.5, 10.0.0.9 10.0.0.8', PROXY],
    ['203.0.113.5, <script>, 10.0.0.2', '10.0.0.2'],
    ['999.1.1.1', PROXY],
    ['fe80::1%eth0', PROXY],
    ['10.0.0.2:99999999', PROXY],
  ])('is the last one known where the list goes on with what is no address: %j', (list, expected) => {
    expect(address(PROXY, { 'x-forwarded-for': list })).toBe(expected);
  });

  it('is found in no time in a list of a thousand hops, and of 16 KiB', () => {
    const before = performance.now();
    expect(address(PROXY, { 'x-forwarded-for': `198.51.100.1, ${'203.0.113.5,'.repeat(1_000)}203.0.113.6` })).toBe(
      '203.0.113.6',
    );
    expect(address(PROXY, { 'x-forwarded-for': `198.51.100.1${', 10.0.0.2'.repeat(1_000)}` })).toBe('10.0.0.2');
    for (const text of [','.repeat(16_384), 'x'.repeat(16_384), '1.'.repeat(8_192), ':'.repeat(16_384)]) {
      expect(address(PROXY, { 'x-forwarded-for': text })).toBe(PROXY);
      expect(address(PROXY, { forwarded: text })).toBe(PROXY);
    }
    expect(performance.now() - before).toBeLessThan(500);
  });

  it.each([
    ['for=203.0.113.5', { address: '203.0.113.5', isSecure: false }],
    ['for=198.51.100.1, For="203.0.113.5:4711"; proto=https;by=10.0.0.1', { address: '203.0.113.5', isSecure: true }],
    ['for="[2001:db8:9::1]:4711";proto=HTTPS', { address: '2001:db8:9::1', isSecure: true }],
    ['for=203.0.113.5;proto=https, for=10.0.0.2;proto=http', { address: '203.0.113.5', isSecure: true }],
    ['for=_hidden;proto=https', { address: PROXY, isSecure: true }],
    ['proto=https', { address: PROXY, isSecure: true }],
  ])('is what Forwarded says: %s', (forwarded, expected) => {
    expect(client(PROXY, { forwarded })).toEqual(expected);
  });

  it('is not what Forwarded says beside X-Forwarded-For: the proxy wrote one of them, and a client may have the other', () => {
    const forwarded = 'for=198.51.100.1;proto=https';
    expect(client(PROXY, { forwarded, 'x-forwarded-for': '203.0.113.5' })).toEqual({
      address: '203.0.113.5',
      isSecure: false,
    });
  });

  it.each([
    ['https', '203.0.113.5', true],
    ['http', '203.0.113.5', false],
    ['', '203.0.113.5', false],
    ['https, http', '203.0.113.5', false],
    ['http, https', '203.0.113.5', true],
    ['https, http', '203.0.113.5, 10.0.0.2', true],
    ['https', '203.0.113.5, 10.0.0.2', true],
    ['javascript:', '203.0.113.5', false],
  ])('came by the scheme that its own proxy saw: %j for %j', (scheme, list, expected) => {
    const headers = { 'x-forwarded-for': list, 'x-forwarded-proto': scheme };
    expect(client(PROXY, headers).isSecure).toBe(expected);
  });

  it('came in clear where the proxy says so, though the proxy itself came by TLS', () => {
    expect(client(PROXY, { 'x-forwarded-proto': 'http' }, undefined, true).isSecure).toBe(false);
    expect(client(PROXY, {}, undefined, true).isSecure).toBe(true);
  });

  it.each([
    ['loopback', ['127.0.0.1', '127.9.9.9', '::1'], ['10.0.0.1', '::2']],
    ['linklocal', ['169.254.1.1', 'fe80::5'], ['169.253.1.1', 'fec0::1']],
    ['uniquelocal', ['10.1.1.1', '172.31.0.1', '192.168.7.7', 'fd12::1'], ['172.32.0.1', '11.0.0.1', '2001:db8::1']],
    ['192.0.2.7', ['192.0.2.7'], ['192.0.2.8', '::1']],
    ['2001:db8::7', ['2001:db8::7'], ['2001:db8::8']],
  ])('is believed of %s', (range, inside, outside) => {
    const believed = (peer: string) => address(peer, { 'x-forwarded-for': '203.0.113.5' }, [range]) === '203.0.113.5';
    expect([inside.filter(believed), outside.filter(believed)]).toEqual([inside, []]);
  });

  it.each([
    ['203.0.113.5', '203.0.113.5'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:0db8::0001:0:0:1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::', 'fe80:0:0:0::/64'],
    ['', ''],
  ])('%s counts as %s', (one, network) => expect(networkOf(one)).toBe(network));

  it('is in the line of the log, where that is to show clients', () => {
    const lines: string[] = [];
    for (const showsClients of [false, true]) {
      const socket = Object.assign(new Duplex(), { remoteAddress: '203.0.113.5' });
      const request = {
        method: 'GET',
        url: '/realtime?apikey=secret',
        headers: {},
        socket,
      } as unknown as IncomingMessage;
      upgradeNotes((line) => lines.push(line), showsClients)(request, socket)(101);
      socket.emit('close');
    }
    expect(lines).toEqual([
      expect.stringMatching(/^GET \/realtime 101 in \d+ ms \(request none\)$/),
      expect.stringMatching(/^GET \/realtime 101 in \d+ ms \(request none from 203\.0\.113\.5\)$/),
    ]);
  });
});
