/** Tokens of a real provider, and tokens with one thing wrong in each. */
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { Unauthenticated } from '../../../src/application/access/principal.js';
import { NotReady } from '../../../src/application/runtime/errors.js';
import { JoseAccessTokens } from '../../../src/infrastructure/oidc/jose-tokens.js';
import { ProviderDocuments } from '../../../src/infrastructure/oidc/provider-documents.js';
import { providerHttp } from '../../../src/infrastructure/oidc/provider-http.js';
import { eventually } from '../../support/eventually.js';
import { AUDIENCE, startOpenIdProvider, type OpenIdTestProvider } from '../../support/openid-provider.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const TIMEOUT_MS = 1_000;
let provider: OpenIdTestProvider;

beforeAll(async () => (provider = await startOpenIdProvider()));
afterAll(() => provider.close());
beforeEach(async () => {
  provider.become('up');
  provider.paths.length = 0;
});

const world = (remembered?: number) => {
  const clock = new VirtualClock(new Date().toISOString());
  const errors: unknown[] = [];
  const http = providerHttp(clock, TIMEOUT_MS);
  const documents = new ProviderDocuments(provider.issuer, http, clock, (_, error) => errors.push(error));
  const tokens = new JoseAccessTokens(documents, { issuer: provider.issuer, audience: AUDIENCE }, clock, remembered);
  const seconds = (more: number) => Math.floor(clock.now().getTime() / 1000) + more;
  const verdict = (token: string) =>
    tokens.verify(token).then(
      () => 'accepted',
      (error: unknown) => (error instanceof Unauthenticated || error instanceof NotReady ? error.message : error),
    );
  return { clock, errors, tokens, seconds, verdict };
};
const keyRequests = () => provider.paths.filter((path) => path === '/jwks').length;
const REFUSED = 'Credentials: the token is refused: ';
const AWAY = 'The OpenID provider cannot be asked at this moment: repeat the request';

describe('a token', () => {
  it('that the provider made counts, and says who it is for', async () => {
    const { tokens } = world();
    const verified = await tokens.verify(await provider.issue());
    expect(verified).toMatchObject({ issuer: provider.issuer, subject: 'workflow-executor' });
    expect(verified.claims['groups']).toEqual(['workflow-staff']);
  });

  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('counts with algorithm %s', async (alg) => {
    const { verdict } = world();
    expect(await verdict(await provider.sign({}, { alg }))).toBe('accepted');
  });

  type World = ReturnType<typeof world>;
  const rows: readonly (readonly [string, (world: World) => Promise<string> | string, string])[] = [
    ['expired', ({ seconds }) => provider.sign({ exp: seconds(-61) }), 'it has expired'],
    ['not yet valid', ({ seconds }) => provider.sign({ nbf: seconds(62) }), 'it is not valid yet'],
    ['of the future', ({ seconds }) => provider.sign({ iat: seconds(62) }), 'it was issued in the future'],
    ['of another issuer', () => provider.sign({ iss: 'https://other.example' }), 'it is of another issuer'],
    ['for another audience', () => provider.sign({ aud: 'urn:other' }), 'it is for another audience'],
    ['without an end', () => provider.sign({ exp: undefined }), 'it has no claim exp'],
    ['without a subject', () => provider.sign({ sub: undefined }), 'it has no claim sub'],
    [
      'of a subject in control characters',
      () => provider.sign({ sub: 'a\nb' }),
      'its subject is not 1 to 255 visible characters',
    ],
    [
      'an ID token',
      () => provider.sign({ nonce: 'n' }),
      'it is an ID token, which says who signed in and lets nobody in: send an access token',
    ],
    [
      'of another algorithm',
      async () =>
        new SignJWT({ sub: 'ann' })
          .setProtectedHeader({ alg: 'ES384' })
          .sign((await generateKeyPair('ES384')).privateKey),
      'its algorithm is not accepted: expected one of RS256, PS256, ES256, EdDSA',
    ],
    [
      'of a shared secret',
      () => new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.alloc(32, 1)),
      'its algorithm is not accepted: expected one of RS256, PS256, ES256, EdDSA',
    ],
    ['of algorithm none', () => new UnsecuredJWT({ sub: 'ann' }).encode(), 'it is not signed (algorithm none)'],
    ['of an unknown key', () => provider.sign({}, { kid: 'nobody-knows' }), 'its key is not one of the provider'],
    ['oversized', () => 'a'.repeat(8193), 'it is longer than 8192 characters'],
    ['malformed', () => 'no.token', 'it is malformed: expected a signed JSON Web Token'],
    ['malformed in its header', () => 'bm8.e30.e30', 'it is malformed: expected a signed JSON Web Token'],
    ['with a wrong signature', async () => corrupted(await provider.sign()), 'its signature is wrong'],
    ['with other claims than were signed', async () => altered(await provider.sign()), 'its signature is wrong'],
  ];
  it.each(rows)('%s is refused with the rule that it broke', async (_, make, rule) => {
    const made = world();
    expect(await made.verdict(await make(made))).toBe(REFUSED + rule);
  });

  it('counts while the clocks differ by less than a minute', async () => {
    const { verdict, seconds } = world();
    const off = [{ exp: seconds(-58) }, { nbf: seconds(58) }, { iat: seconds(58) }];
    for (const claims of off) expect(await verdict(await provider.sign(claims))).toBe('accepted');
  });

  it('is remembered until it expires, and no longer', async () => {
    const { tokens, clock, verdict, seconds } = world();
    const token = await provider.sign({ exp: seconds(30) });
    const first = await tokens.verify(token);
    expect(await tokens.verify(token)).toBe(first);
    await clock.pass(91_000);
    expect(await verdict(token)).toBe(`${REFUSED}it has expired`);
  });

  it('is forgotten where more come than are remembered', async () => {
    const { tokens } = world(1);
    const [one, other] = [await provider.sign(), await provider.sign({ sub: 'bob' })];
    const first = await tokens.verify(one);
    await tokens.verify(other);
    expect(await tokens.verify(one)).not.toBe(first);
  });
});

/** Not in its last character, which has bits that mean nothing. */
const corrupted = (token: string): string => {
  const at = token.length - 20;
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
};

const altered = (token: string): string => {
  const [header, payload, signature] = token.split('.');
  const claims = { ...JSON.parse(Buffer.from(payload!, 'base64url').toString()), sub: 'bob' };
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
};

describe('the keys of the provider', () => {
  it('may change while the application runs: a new key costs one request, and the old key counts no more', async () => {
    const { verdict, clock } = world();
    const before = await provider.sign();
    expect(await verdict(before)).toBe('accepted');
    await provider.rotate('second');
    await clock.pass(10_000);
    const after = await Promise.all([provider.sign(), provider.sign({ sub: 'bob' })]);
    expect(await Promise.all(after.map(verdict))).toEqual(['accepted', 'accepted']);
    expect(keyRequests()).toBe(2);
    expect(await verdict(before)).toBe(`${REFUSED}its key is not one of the provider`);
  });

  it('are asked for once in ten seconds, however many tokens name keys that nobody knows', async () => {
    const { verdict, clock } = world();
    const forged = await Promise.all(Array.from({ length: 20 }, (_, n) => provider.sign({}, { kid: `forged-${n}` })));
    for (const token of forged) expect(await verdict(token)).toBe(`${REFUSED}its key is not one of the provider`);
    expect(keyRequests()).toBe(1);
    await clock.pass(10_000);
    await Promise.all(forged.map(verdict));
    expect(keyRequests()).toBe(2);
  });

  it('go on counting while the provider is away; a key that is not known has to wait', async () => {
    const { verdict, clock } = world();
    expect(await verdict(await provider.sign())).toBe('accepted');
    provider.become('away');
    await clock.pass(3_600_000);
    const now = clock.now().getTime();
    expect(await verdict(await provider.sign({}, { now }))).toBe('accepted');
    expect(await verdict(await provider.sign({}, { now, kid: 'new' }))).toBe(AWAY);
    provider.become('up');
    await clock.pass(2_000);
    expect(await verdict(await provider.sign({}, { now, kid: 'new' }))).toBe(
      `${REFUSED}its key is not one of the provider`,
    );
  });

  it('that do not come in time are as good as away', async () => {
    const { verdict, clock, errors } = world();
    provider.become('slow');
    const asked = verdict(await provider.sign());
    await eventually(() => provider.paths.length === 1);
    await clock.pass(TIMEOUT_MS);
    expect(await asked).toBe(AWAY);
    expect(errors).toHaveLength(2);
    provider.become('up');
    await clock.pass(2_000);
    expect(await verdict(await provider.sign())).toBe('accepted');
  });
});
