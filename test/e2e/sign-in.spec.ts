/** Mode `oidc`: people sign in with a real provider, over HTTP and in a real browser. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { unzipSync } from 'fflate';
import { AccessDirectory } from '../../src/application/access/access-directory.js';
import { FreshSignInRequired, FreshSignIns } from '../../src/application/access/fresh-sign-ins.js';
import { Authenticator } from '../../src/application/access/authenticator.js';
import type { Role } from '../../src/domain/access/permissions.js';
import { startBrowser, type Browser } from '../support/browser.js';
import { eventually } from '../support/eventually.js';
import { AUDIENCE, CLIENT, startOpenIdProvider, type OpenIdTestProvider } from '../support/openid-provider.js';
import { startTestApp, type TestApp } from './support/test-app.js';

let [provider, app, url, directory]: [OpenIdTestProvider, TestApp, string, string] = [] as never;

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

beforeAll(async () => {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  provider = await startOpenIdProvider(`${url}/auth/callback`);
  directory = await mkdtemp(path.join(tmpdir(), 'test-sign-in-'));
  const secret = path.join(directory, 'client-secret');
  await writeFile(secret, `${CLIENT.client_secret}\n`);
  app = await startTestApp({
    ...{ AUTH: 'oidc', PORT: String(port), PUBLIC_URL: url, OIDC_ISSUER: provider.issuer },
    ...{ OIDC_CLIENT_ID: CLIENT.client_id, OIDC_CLIENT_SECRET_FILE: secret, OIDC_AUDIENCE: AUDIENCE },
    ...{ OIDC_ROLES_CLAIM: 'groups', OIDC_ROLE_NAMES: 'workflow-staff=starter', OIDC_TIMEOUT_MS: '1000' },
  });
});
afterAll(async () => {
  await app?.close();
  await provider?.close();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => provider.become('up'));

/** As much of a browser as a sign-in takes: cookies of each address, and redirects one by one. */
const visitor = () => {
  const jars = new Map<string, Map<string, string>>();
  const jarOf = (address: string) => {
    const { host } = new URL(address);
    if (!jars.has(host)) jars.set(host, new Map());
    return jars.get(host)!;
  };
  const send = async (address: string, options: RequestInit = {}): Promise<Response> => {
    const jar = jarOf(address);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...(options.headers as Record<string, string>), ...(cookie && { cookie }) };
    const response = await fetch(address, { ...options, headers, redirect: 'manual' });
    for (const each of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(each) ?? [];
      if (value === '' || /expires=thu, 01 jan 1970/i.test(each)) jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  };
  const next = (from: string, response: Response) => new URL(response.headers.get('location')!, from).href;
  /** Up to the first answer that is no redirect, or the first address that the test waits for. */
  const follow = async (address: string, until?: RegExp): Promise<Readonly<{ at: string; response: Response }>> => {
    let at = address;
    for (let hops = 0; hops < 15; hops++) {
      if (until?.test(at)) return { at, response: new Response() };
      const response = await send(at);
      if (response.status < 300 || response.status >= 400) return { at, response };
      at = next(at, response);
    }
    throw new Error(`Redirected without end, last to ${at}`);
  };
  /** Fills in the provider's forms: who it is, and that the application may know. */
  const pass = async (at: string, login: string): Promise<string> => {
    const form = { prompt: 'login', login, password: 'any' };
    const told = await send(at, { method: 'POST', body: new URLSearchParams(form) });
    const { at: then } = await follow(next(at, told), /\/interaction\/|\/auth\/callback/);
    if (!then.includes('/interaction/')) return then;
    const agreed = await send(then, { method: 'POST', body: new URLSearchParams({ prompt: 'consent' }) });
    return (await follow(next(then, agreed), /\/auth\/callback/)).at;
  };
  /** @returns the address to which the provider sends back */
  const toCallback = async (login: string, query = ''): Promise<string> => {
    const { at } = await follow(`${url}/auth/sign-in${query}`, /\/interaction\/|\/auth\/callback/);
    return at.includes('/interaction/') ? pass(at, login) : at;
  };
  const signIn = async (login = 'ann', query = '') => follow(await toCallback(login, query));
  const get = (path: string) => send(url + path);
  const me = async () => (await (await get('/auth/me')).json()).data;
  const post = (path: string, headers: Record<string, string> = {}, body: object = {}) =>
    send(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  return { send, follow, toCallback, signIn, get, me, post, cookies: () => jarOf(url) };
};

const START = { project_id: 'p-1', document_type: 'ib', triggered_by: 'somebody', auto_execute: false };

describe('people who sign in', () => {
  it('come back to where they were, and are known by a cookie that no script can read', async () => {
    const ann = visitor();
    const back = await ann.toCallback('ann', '?return_to=/auth/me%3F');
    const answer = await ann.send(back);
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/auth/me?']);
    const cookie = answer.headers.getSetCookie().find((each) => each.startsWith('workflow_session='));
    expect(cookie).toMatch(
      /^workflow_session=[\w-]{43}; Max-Age=43200; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
    );
    expect(await ann.me()).toMatchObject({
      actor: { type: 'user', id: 'ann', name: 'ann <of> the tests', issuer: provider.issuer, via: 'oidc' },
      roles: [{ role: 'starter', projects: 'all' }],
      csrf_token: expect.stringMatching(/^[\w-]{43}$/),
    });
  });

  it('finish a sign-in once, and in the browser that began it', async () => {
    const [ann, other] = [visitor(), visitor()];
    const back = await ann.toCallback('ann');
    const problem = (response: Response) => response.headers.get('location');
    expect(problem(await other.send(back))).toBe('/sign-in?problem=expired');
    const tickets = new Map(ann.cookies());
    const forged = back.replace(/state=[^&]+/, 'state=forged');
    expect(problem(await ann.send(forged))).toBe('/sign-in?problem=expired');
    for (const [name, value] of tickets) ann.cookies().set(name, value);
    expect(problem(await ann.send(back))).toBe('/sign-in');
    for (const [name, value] of tickets) ann.cookies().set(name, value);
    expect(problem(await ann.send(back))).toMatch(/problem=(refused|expired)$/);
  });

  it('read on the page that the provider did not let them in', async () => {
    const ann = visitor();
    const { at } = await ann.follow(`${url}/auth/sign-in`, /\/interaction\//);
    const { response } = await ann.follow(`${at}/abort`);
    const text = await response.text();
    expect(text).toContain('<p role="alert">The sign-in was cancelled.</p>');
    expect(text).toContain('href="/auth/sign-in"');
  });

  it.each(['//evil.example/', '/\\evil.example', 'https://evil.example/', 'evil', '/a\nb', '/auth/sign-in?x'])(
    'are not sent to %s',
    async (to) => {
      const answer = await visitor().get(`/auth/sign-in?return_to=${encodeURIComponent(to)}`);
      expect(answer.status).toBe(400);
    },
  );

  it('write with the token of their session, from pages of this installation', async () => {
    const ann = visitor();
    await ann.signIn();
    const { csrf_token: token } = await ann.me();
    const start = (headers: Record<string, string>) => ann.post('/api/v1/workflow/start', headers, START);
    const refused = [
      {},
      { 'x-csrf-token': 'another' },
      { 'x-csrf-token': token, origin: 'http://evil.example' },
      { 'x-csrf-token': token, 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of refused) {
      const answer = await start(headers as Record<string, string>);
      expect([answer.status, (await answer.json()).error.code]).toEqual([403, 'CSRF']);
    }
    const started = await start({ 'x-csrf-token': token, origin: url, 'sec-fetch-site': 'same-origin' });
    expect(started.status).toBe(201);
    const forbidden = await ann.post('/api/v1/workflow/agents/writer/hold', { 'x-csrf-token': token }, { reason: 'r' });
    expect(forbidden.status).toBe(403);
  });

  it('follow streams by their cookie, which counts for nothing once they have signed out', async () => {
    const ann = visitor();
    await ann.signIn();
    const stream = await ann.get('/api/v1/workflow/stream');
    expect([stream.status, stream.headers.get('content-type')]).toEqual([
      200,
      expect.stringContaining('text/event-stream'),
    ]);
    await stream.body!.cancel();
    const { csrf_token: token } = await ann.me();
    const cookies = new Map(ann.cookies());
    expect((await ann.post('/auth/sign-out')).status).toBe(403);
    expect((await ann.post('/auth/sign-out', { 'x-csrf-token': token })).status).toBe(200);
    expect([...ann.cookies().keys()]).toEqual([]);
    for (const [name, value] of cookies) ann.cookies().set(name, value);
    expect((await ann.get('/auth/me')).status).toBe(401);
    expect((await ann.get('/health/live')).status).toBe(200);
  });

  it('sign in anew for one purpose, which counts once', async () => {
    const ann = visitor();
    await ann.signIn();
    const fresh = app.server.app.get(FreshSignIns);
    const principal = () =>
      app.server.app
        .get(Authenticator)
        .authenticate({ cookie: [...ann.cookies()].map(([name, value]) => `${name}=${value}`).join('; ') });
    const consume = async (purpose: string) => fresh.consume(await principal(), purpose);
    await expect(consume('sign:1')).rejects.toThrow(FreshSignInRequired);

    const before = Date.now();
    // The provider knows the person already, and asks again all the same.
    const { at } = await ann.follow(`${url}/auth/sign-in?fresh=1&for=sign:1`, /\/interaction\/|\/auth\/callback/);
    expect(at).toContain('/interaction/');
    await ann.signIn('ann', '?fresh=1&for=sign:1&return_to=/auth/me');
    await expect(consume('sign:2')).rejects.toThrow(FreshSignInRequired);
    const outcomes = await Promise.allSettled([consume('sign:1'), consume('sign:1'), consume('sign:1')]);
    const [done, ...more] = outcomes.filter(({ status }) => status === 'fulfilled');
    expect(more).toEqual([]);
    const { authenticatedAt } = (done as PromiseFulfilledResult<{ authenticatedAt: Date }>).value;
    expect(Math.abs(authenticatedAt.getTime() - before)).toBeLessThan(30_000);
  });

  it('who have a token need no page and no CSRF token', async () => {
    const start = async (token: string) =>
      visitor().post('/api/v1/workflow/start', { authorization: `Bearer ${token}` }, START);
    expect((await start(await provider.issue())).status).toBe(201);
    expect((await start(await provider.sign({ groups: ['no role of ours'] }))).status).toBe(403);
    const expired = await start(await provider.sign({ exp: 1 }));
    expect([expired.status, await expired.json()]).toMatchObject([
      401,
      { error: { code: 'CREDENTIALS_REFUSED', message: 'Credentials: the token is refused: it has expired' } },
    ]);
  });

  it('stay signed in while the provider is away; new sign-ins wait', async () => {
    const [ann, bob] = [visitor(), visitor()];
    await ann.signIn();
    const back = await bob.toCallback('bob');
    const token = await provider.sign();
    provider.become('away');
    expect((await ann.get('/auth/me')).status).toBe(200);
    const asToken = await bob.send(`${url}/auth/me`, { headers: { authorization: `Bearer ${token}` } });
    expect(asToken.status).toBe(200);
    expect((await bob.send(back)).headers.get('location')).toBe('/sign-in?problem=unavailable');
  });

  it('see a page of its own style alone, which nothing keeps; who did not sign in sees no more', async () => {
    const nobody = visitor();
    const page = await nobody.get('/sign-in');
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[^']+';/);
    expect(page.headers.get('content-security-policy')).not.toContain('unsafe');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect((await nobody.get('/auth/me')).status).toBe(401);
    expect((await nobody.get('/api/v1/workflow/executions')).status).toBe(401);
  });
});

/** Fills in the provider's forms in a browser. */
const passInBrowser = async (browser: Browser, login: string) => {
  const has = (selector: string) => async () =>
    (await browser.evaluate(`!!document.querySelector(${JSON.stringify(selector)})`)) === true;
  await eventually(has('[name=login]'));
  await browser.evaluate(
    `document.querySelector('[name=login]').value = '${login}'; document.querySelector('[name=password]').value = 'any'; document.querySelector('form').submit()`,
  );
  await eventually(has('[name=prompt][value=consent]'));
  await browser.click('[type=submit]');
};

const grant = (subject: string, role: Role) => {
  const [by, at] = [{ type: 'system', id: 'test' } as const, new Date()];
  const limits = { keys: 9, grants: 9, blocked: 9 };
  const data = {
    issuer: provider.issuer,
    subject,
    role,
    projects: 'all',
    by,
    reason: null,
    at: at.toISOString(),
    limits,
  };
  const context = { commandId: randomUUID(), at, actor: by, reason: null, causationId: null, traceparent: null };
  return app.server.app.get(AccessDirectory).execute({ type: 'GrantRole', data } as never, context);
};

test('a person signs in and out in a browser', async () => {
  const browser = await startBrowser();
  try {
    await browser.go(`${url}/sign-in`);
    await browser.shows('You are not signed in.');
    await browser.click('a.action');
    await passInBrowser(browser, 'ann');
    const shown = await browser.shows('You are signed in.');
    expect(shown).toMatch(/ann <of> the tests[^]*starter, in all projects/);
    if (process.env['SCREENSHOT']) await writeFile(process.env['SCREENSHOT'], await browser.screenshot());
    expect(await browser.evaluate('document.cookie')).toBe('');
    await browser.go(`${url}/auth/me`);
    await browser.shows('"via":"oidc"');
    const opened = `new Promise((resolve) => {
      const source = new EventSource('/api/v1/workflow/stream');
      source.onopen = () => { source.close(); resolve('open'); };
      source.onerror = () => resolve('refused');
    })`;
    expect(await browser.evaluate(opened)).toBe('open');
    await browser.go(`${url}/sign-in`);
    await browser.shows('You are signed in.');
    await browser.click('button.action');
    await browser.shows('You are not signed in.');
    expect(browser.complaints.filter((each) => each.includes('style') || each.includes('form-action'))).toEqual([]);
  } finally {
    await browser.close();
  }
});

test('a person signs an execution in a browser, once for each sign-in; its pack proves the signature offline', async () => {
  const [ann, browser] = [visitor(), await startBrowser()];
  try {
    await ann.signIn();
    const csrf = { 'x-csrf-token': (await ann.me()).csrf_token as string };
    const started = await (await ann.post('/api/v1/workflow/start', csrf, START)).json();
    const { id } = started.data.execution as { id: string };
    for (const [subject, role] of [
      ['ann', 'reviewer'],
      ['rita', 'reviewer'],
      ['rita', 'auditor'],
    ] as const)
      await grant(subject, role);
    const body = { meaning: 'approval', through_revision: 0, documents: [], reason: 'fit for use' };

    await browser.go(`${url}/auth/sign-in?fresh=1&for=sign:${id}&return_to=/auth/me`);
    await passInBrowser(browser, 'rita');
    await browser.shows('"id":"rita"');
    const sign = `(async () => {
      const { data } = await (await fetch('/auth/me')).json();
      const headers = { 'content-type': 'application/json', 'x-csrf-token': data.csrf_token };
      const body = ${JSON.stringify(JSON.stringify(body))};
      const answer = await fetch('/api/v1/workflow/${id}/signatures', { method: 'POST', headers, body });
      return JSON.stringify({ status: answer.status, body: await answer.json() });
    })()`;
    const signIt = async () => JSON.parse((await browser.evaluate(sign)) as string);
    expect(await signIt()).toMatchObject({ status: 201 });
    expect(await signIt()).toMatchObject({
      status: 401,
      body: { error: { code: 'FRESH_SIGN_IN_REQUIRED', details: { sign_in_at: expect.stringContaining('fresh=1') } } },
    });
    await browser.go(`${url}/api/v1/workflow/${id}/signatures`);
    await browser.shows('rita <of> the tests');
    if (process.env['SIGNATURE_SCREENSHOT'])
      await writeFile(process.env['SIGNATURE_SCREENSHOT'], await browser.screenshot());

    // Who started it does not vouch for it, however freshly signed in.
    await ann.signIn('ann', `?fresh=1&for=sign:${id}&return_to=/auth/me`);
    const own = await ann.post(
      `/api/v1/workflow/${id}/signatures`,
      { 'x-csrf-token': (await ann.me()).csrf_token },
      body,
    );
    expect([own.status, (await own.json()).error.code]).toEqual([409, 'SEPARATION_OF_DUTIES']);

    expect(await verified(await packOf(browser, id))).toMatch(/Signature: rita <of> the tests \(rita\), approval/);
  } finally {
    await browser.close();
  }
}, 60_000);

/** As the browser of an auditor downloads it. */
const packOf = async (browser: Browser, id: string): Promise<Buffer> => {
  const download = `(async () => {
    const answer = await fetch('/api/v1/workflow/${id}/audit-pack');
    if (answer.status !== 200) return answer.status + ': ' + (await answer.text());
    const bytes = new Uint8Array(await answer.arrayBuffer());
    return 'data:' + btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  })()`;
  const answer = (await browser.evaluate(download)) as string;
  expect(answer.slice(0, 5)).toBe('data:');
  return Buffer.from(answer.slice(5), 'base64');
};

const verified = async (pack: Buffer): Promise<string> => {
  const to = path.join(directory, 'pack');
  for (const [name, content] of Object.entries(unzipSync(pack))) {
    await mkdir(path.dirname(path.join(to, name)), { recursive: true });
    await writeFile(path.join(to, name), content);
  }
  const run = spawnSync(process.execPath, [path.join(to, 'verify.mjs'), to, '--key', app.server.signingKey], {
    encoding: 'utf8',
  });
  expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: '' });
  return run.stdout;
};
