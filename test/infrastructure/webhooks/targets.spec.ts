/** Where webhooks may lead. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  isPublicAddress,
  checkedLookup,
  type Resolve,
  refusalOfAddress,
  type TargetRules,
} from '../../../src/infrastructure/webhooks/target-rules.js';
import { DEFAULT_SENDER_LIMITS, HttpWebhookSender } from '../../../src/infrastructure/webhooks/http-webhook-sender.js';
import { SystemClock } from '../../../src/infrastructure/system/clock-and-ids.js';
import { startReceiver } from '../../support/webhook-receiver.js';

const clock = new SystemClock();
const STRICT: TargetRules = { allowPrivate: false, allowHttp: false, ports: [443, 80] };

test.each([
  '1.1.1.1',
  '8.8.8.8',
  '172.15.255.255',
  '172.32.0.1',
  '192.0.1.1',
  '223.255.255.255',
  '2606:4700::1111',
  '2a00:1450::1',
])('%s is public', (address) => expect(isPublicAddress(address)).toBe(true));

test.each([
  ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.255.255.255'],
  ...['169.254.169.254', '172.16.0.1', '172.31.255.255', '192.168.1.1', '192.0.0.1', '198.18.0.1', '203.0.113.7'],
  ...['224.0.0.1', '240.0.0.1', '255.255.255.255'],
  ...[
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:8.8.8.8',
    '::127.0.0.1',
    'fc00::1',
    'fd12::1',
    'fe80::1',
  ],
  ...['fe80::1%eth0', 'fec0::1', 'ff02::1', '64:ff9b::7f00:1', '2002:7f00:1::', '2001::1', '2001:db8::1', '100::1'],
  ...['', 'localhost', '127.1', '0x7f000001'],
])('%s is not', (address) => expect(isPublicAddress(address)).toBe(false));

describe('an address', () => {
  const refusal = (url: string, more: Partial<TargetRules> = {}) =>
    new HttpWebhookSender(clock, { ...STRICT, ...more }).refusalOf(url);

  test.each([
    ...['http://127.0.0.1/', 'http://127.1/', 'http://0x7f.0.0.1/', 'http://2130706433/', 'http://017700000001/'],
    ...['http://0/', 'http://127.0.0.1./', 'http://[::1]/', 'http://[::ffff:127.0.0.1]/', 'http://[::ffff:a9fe:a9fe]/'],
    ...['http://169.254.169.254/latest/meta-data', 'http://１２７.0.0.1/', 'http://[fd00::1]:80/'],
  ])('%s leads nowhere public', (url) => expect(refusal(url)).toMatch(/^expected a host on the public internet/));

  test.each([
    ['https://example.com/hook?x=1', null],
    ['https://8.8.8.8/', null],
    ['https://localhost/', null],
    ['ftp://example.com/', 'expected https:// or http://'],
    ['file:///etc/passwd', 'expected https:// or http://'],
    ['https://ann@example.com/', 'expected no user and password in it; the signature tells who calls'],
    ['example.com', 'expected an absolute URL'],
    [`https://example.com/${'x'.repeat(2_000)}`, 'expected at most 2000 characters'],
  ])('%s: %s', (url, expected) => expect(refusal(url)).toBe(expected));

  test.each(['https://example.com:0/', 'http://127.0.0.1:0/', 'https://8.8.8.8:0/'])('%s has no port', (url) => {
    for (const allowPrivate of [true, false])
      expect(refusal(url, { allowPrivate, allowHttp: true })).toBe('expected a port from 1 to 65535, got 0');
  });

  test.each(['example.com', '8.8.8.8', '[2606:4700::1111]'])('%s is spoken to over TLS, on its usual ports', (host) => {
    expect(refusal(`http://${host}/`)).toMatch(/^expected https:\/\/.* WEBHOOK_ALLOW_HTTP=true/);
    expect(refusal(`http://${host}/`, { allowHttp: true })).toBeNull();
    for (const port of [22, 25, 2113, 5432, 8443])
      expect(refusal(`https://${host}:${port}/`)).toBe(
        `expected port 443 or 80, got ${port}. WEBHOOK_ALLOWED_PORTS lists those that are allowed`,
      );
    expect(refusal(`http://${host}:8080/`, { allowHttp: true })).toMatch(/^expected port 443 or 80, got 8080/);
    expect(refusal(`https://${host}:8443/`, { ports: [8443] })).toBeNull();
    expect(refusal(`https://${host}/`, { ports: [8443] })).toMatch(/^expected port 8443, got 443/);
  });

  test('that is private, where those are allowed, is spoken to as it wishes', () => {
    for (const url of ['http://127.0.0.1:8080/', 'http://[::1]:9/', 'http://10.0.0.1/', 'http://receiver:8080/'])
      expect(refusal(url, { allowPrivate: true })).toBeNull();
    // The other addresses are not.
    expect(refusal('http://8.8.8.8/', { allowPrivate: true })).toMatch(/^expected https:/);
  });
});

describe('a name', () => {
  const resolveTo = (...addresses: string[]) =>
    checkedLookup(
      (address) => refusalOfAddress(STRICT, new URL('https://name.test/'), address),
      (_host, _options, done) =>
        done(
          null,
          addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
        ),
    );
  const look = (lookup: ReturnType<typeof checkedLookup>, all: boolean) =>
    new Promise((resolve) =>
      lookup('name.test', { all }, (error, address, family) => resolve(error ? error.message : [address, family])),
    );

  it('may be used when all it leads to is public', async () => {
    const lookup = resolveTo('8.8.8.8', '2606:4700::1111');
    expect(await look(lookup, false)).toEqual(['8.8.8.8', 4]);
    expect(await look(lookup, true)).toEqual([
      [
        { address: '8.8.8.8', family: 4 },
        { address: '2606:4700::1111', family: 6 },
      ],
      undefined,
    ]);
  });

  it('that leads to one address that is not is refused, as is one that leads nowhere', async () => {
    for (const lookup of [resolveTo('8.8.8.8', '10.0.0.1'), resolveTo('::ffff:10.0.0.1'), resolveTo()])
      for (const all of [true, false])
        expect(await look(lookup, all)).toMatch(/^expected a host on the public internet, name\.test is or leads to/);
  });

  it('is looked at when it is connected to', async () => {
    const receiver = await startReceiver();
    const asked: string[] = [];
    let leadsTo = '127.0.0.1';
    const resolve: Resolve = (host, _options, done) => {
      asked.push(host);
      done(null, [{ address: leadsTo, family: 4 }]);
    };
    const rules = { ...STRICT, allowHttp: true, ports: [receiver.port] };
    const sender = new HttpWebhookSender(clock, rules, DEFAULT_SENDER_LIMITS, resolve);
    const url = `http://name.test:${receiver.port}/hook?token=t0ken`;
    const answered = await sender.post({ url, headers: {}, body: '{}', signal: new AbortController().signal });
    expect(answered).toMatchObject({ statusCode: null, responseExcerpt: null });
    expect(answered.error).toMatch(/^expected a host on the public internet, name\.test/);
    expect(answered.error).not.toContain('t0ken');
    expect([asked, receiver.all]).toEqual([['name.test'], []]);
    await sender.close();
    // A name may lead to a private address where those are allowed; that it does is seen only now.
    const own = new HttpWebhookSender(clock, { ...STRICT, allowPrivate: true }, DEFAULT_SENDER_LIMITS, resolve);
    const post = () => own.post({ url, headers: {}, body: '{}', signal: new AbortController().signal });
    expect(await post()).toMatchObject({ statusCode: 204 });
    await own.close();
    const other = new HttpWebhookSender(clock, { ...STRICT, allowPrivate: true }, DEFAULT_SENDER_LIMITS, resolve);
    leadsTo = '8.8.8.8';
    const elsewhere = await other.post({ url, headers: {}, body: '{}', signal: new AbortController().signal });
    expect(elsewhere.error).toMatch(/^expected https:/);
    await other.close();
    await receiver.close();
  });
});

describe('an answer', () => {
  const server = createServer((request, response) => {
    request.resume();
    if (request.url === '/slow') return;
    if (request.url === '/drip') {
      response.write('a little');
      return;
    }
    response.setHeader('retry-after', '7');
    response.statusCode = 503;
    response.end('x'.repeat(100_000));
  });
  let at: string;
  const sender = new HttpWebhookSender(
    clock,
    { ...STRICT, allowPrivate: true },
    {
      ...DEFAULT_SENDER_LIMITS,
      timeoutMs: 300,
      excerptBytes: 10,
    },
  );
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await sender.close();
    server.closeAllConnections();
    server.close();
  });
  const post = (path: string, signal = new AbortController().signal) =>
    sender.post({ url: at + path, headers: {}, body: '{}', signal });

  it('is read as far as is kept of it', async () => {
    expect(await post('/')).toMatchObject({ statusCode: 503, responseExcerpt: 'xxxxxxxxxx', retryAfterMs: 7_000 });
  });

  it('that does not come is waited for so long and no longer', async () => {
    expect(await post('/slow')).toMatchObject({ statusCode: null, error: 'No answer within 300 ms' });
  });

  it('whose body does not end counts by its status', async () => {
    expect(await post('/drip')).toMatchObject({ statusCode: 200, responseExcerpt: 'a little' });
  });

  it('is not waited for when the instance ends', async () => {
    const ending = new AbortController();
    const posted = post('/slow', ending.signal);
    ending.abort();
    expect(await posted).toMatchObject({ statusCode: null });
  });

  it('of nobody is an error', async () => {
    const nobody = await sender.post({
      ...{ url: 'http://127.0.0.1:1/', headers: {}, body: '{}' },
      signal: new AbortController().signal,
    });
    expect(nobody).toMatchObject({ statusCode: null });
    expect(nobody.error).toMatch(/ECONNREFUSED/);
  });
});
