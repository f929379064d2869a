import { InstallationToken } from '../../../src/infrastructure/agents/own-calls.js';

const SECRET = Buffer.alloc(32, 7);
const ADDRESSES = ['http://127.0.0.1:3000', 'https://executor.example/wf/'];
const made = (secret: Uint8Array = SECRET, isOpen = false) => new InstallationToken(secret, () => ADDRESSES, isOpen);
const headersFor = (url: string) => made().headersFor(new URL(url));
const token = headersFor('http://127.0.0.1:3000/api/v1/enrich')['x-installation-token'];

test.each(['http://127.0.0.1:3000/api/v1/export', 'https://executor.example/wf/api/v1/write?x=1'])(
  'a call of one of our agents at an address of ours has the token: %s',
  (url) => expect(headersFor(url)).toEqual({ 'x-installation-token': token }),
);

test.each([
  ['another host', 'http://agents.example/api/v1/enrich'],
  ['another port', 'http://127.0.0.1:3001/api/v1/enrich'],
  ['another scheme', 'http://executor.example/wf/api/v1/enrich'],
  ['a path that is none of our agents', 'http://127.0.0.1:3000/api/v1/workflow/start'],
  ['a path outside of our address', 'https://executor.example/api/v1/enrich'],
  ['a host that begins like ours', 'http://127.0.0.1.evil.example:3000/api/v1/enrich'],
  ['a user that looks like our host', 'http://127.0.0.1.evil.example:3000/api/v1/enrich'],
])('a call that leads elsewhere has none: %s', (_, url) => expect(headersFor(url)).toEqual({}));

test('an address that is not known yet is no address', () => {
  const early = new InstallationToken(SECRET, () => [''], false);
  expect(early.headersFor(new URL('http://127.0.0.1:3000/api/v1/enrich'))).toEqual({});
});

test('only a process that has the secret knows the token', () => {
  expect(made().isOwn(token)).toBe(true);
  for (const other of [undefined, '', 'x', `${token}x`, token!.slice(1), token!.replace(/.$/, '.')])
    expect(made().isOwn(other)).toBe(false);
  expect(made(Buffer.alloc(32, 8)).isOwn(token)).toBe(false);
});

test('where the agents are open to all, no caller needs the token', () =>
  expect(made(SECRET, true).isOwn(undefined)).toBe(true));
