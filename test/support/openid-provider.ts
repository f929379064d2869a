/** A real OpenID provider in this process, which lets in whoever says who they are. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose';
import { Provider, type Configuration } from 'oidc-provider';

export const AUDIENCE = 'urn:workflow-executor';
export const CLIENT = { client_id: 'workflow-executor', client_secret: 'a secret of the client' };

type Key = Readonly<{ kid: string; alg: string; privateKey: CryptoKey }>;

const newKey = async (kid: string, alg: string) => {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { key: { kid, alg, privateKey }, jwk: { ...(await exportJWK(privateKey)), kid, alg, use: 'sig' } };
};

/** `ann` has what the test gives her; of others the provider knows nothing but the name. */
const configuration = (jwks: Configuration['jwks'], redirectUri: string, roles: readonly string[]): Configuration => ({
  ...(jwks && { jwks }),
  clients: [{ ...CLIENT, redirect_uris: [redirectUri], grant_types: ['authorization_code', 'client_credentials'] }],
  claims: { openid: ['sub'], profile: ['name', 'groups'] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `${id} <of> the tests`, groups: id === 'ann' ? [...roles] : [] }),
  }),
  features: {
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({ scope: '', audience: AUDIENCE, accessTokenFormat: 'jwt' as const }),
      useGrantedResource: () => false,
      defaultResource: () => [],
    },
  },
  extraTokenClaims: () => ({ groups: [...roles] }),
  cookies: { keys: ['of the tests'] },
  ttl: { Session: 3600, Interaction: 3600, Grant: 3600, AccessToken: 3600, IdToken: 3600, ClientCredentials: 3600 },
});

/** It warns of everything that is right for a test alone. */
const quietly = <Made>(make: () => Made): Made => {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return make();
  } finally {
    console.warn = warn;
  }
};

export type OpenIdTestProvider = Awaited<ReturnType<typeof startOpenIdProvider>>;

/** @param roles of ann, and of tokens that a client gets for itself */
export const startOpenIdProvider = async (
  redirectUri = 'http://127.0.0.1:1/auth/callback',
  roles: readonly string[] = ['workflow-staff'],
) => {
  let answer: (request: IncomingMessage, response: ServerResponse) => unknown = () => undefined;
  let state: 'up' | 'away' | 'slow' = 'up';
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url!.split('?')[0]!);
    if (state === 'away') return void request.socket.destroy();
    if (state === 'up') answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  let keys: readonly Key[] = [];
  /** From now on it signs with other keys, and knows those alone. */
  const rotate = async (name: string): Promise<void> => {
    const made = await Promise.all(['RS256', 'ES256', 'PS256', 'EdDSA'].map((alg) => newKey(`${name}-${alg}`, alg)));
    keys = made.map(({ key }) => key);
    const jwks = { keys: made.map(({ jwk }) => jwk) } as NonNullable<Configuration['jwks']>;
    answer = quietly(() => new Provider(issuer, configuration(jwks, redirectUri, roles))).callback();
  };
  await rotate('first');

  /** @param claims beside or in place of those of a good token. @param header the same of its header */
  const sign = async (
    claims: JWTPayload = {},
    {
      alg = 'RS256',
      now = Date.now(),
      ...header
    }: Readonly<{ alg?: string; now?: number; kid?: string; typ?: string }> = {},
  ): Promise<string> => {
    const key = keys.find((each) => each.alg === alg)!;
    const iat = Math.floor(now / 1000);
    const good = { iss: issuer, aud: AUDIENCE, sub: 'ann', iat, exp: iat + 600, groups: [...roles] };
    return new SignJWT({ ...good, ...claims })
      .setProtectedHeader({ alg, kid: key.kid, typ: 'at+jwt', ...header })
      .sign(key.privateKey);
  };

  /** As the provider itself makes it, for a client that asks for itself. */
  const issue = async (): Promise<string> => {
    const { client_id, client_secret } = CLIENT;
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from([client_id, client_secret].map(encodeURIComponent).join(':')).toString('base64')}`,
      },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: AUDIENCE }),
    });
    const { access_token: token } = (await response.json()) as { access_token?: string };
    if (!token) throw new Error(`The provider gave no token: status ${response.status}`);
    return token;
  };

  return {
    issuer,
    /** Of the requests that came, in order. */
    paths,
    rotate,
    sign,
    issue,
    /** `slow`: it takes requests and answers none. */
    become: (next: typeof state) => void (state = next),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
