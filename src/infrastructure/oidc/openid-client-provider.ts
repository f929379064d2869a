/** Sign-ins by the authorization code flow with PKCE. */
import * as client from 'openid-client';
import { Unauthenticated } from '../../application/access/principal.js';
import { OpenIdProvider, SignInRefused, type SignInSecrets, type Vouched } from '../../application/access/provider.js';
import type { Clock } from '../../application/runtime/clock.js';
import { NotReady, reasonOf, type Notify } from '../../application/runtime/errors.js';
import type { Claims } from '../../domain/access/claims.js';
import { verifiedBy } from './jose-tokens.js';
import type { ProviderDocuments } from './provider-documents.js';
import type { ProviderHttp } from './provider-http.js';

export type ClientSettings = Readonly<{
  issuer: string;
  clientId: string;
  /** Undefined for a public client, which PKCE alone protects. */
  clientSecret: string | undefined;
  /** As it is registered with the provider. */
  redirectUri: string;
  scopes: string;
}>;

type Ports = Readonly<{ documents: ProviderDocuments; http: ProviderHttp; clock: Clock; notify: Notify }>;
type Exchanged = Vouched & Readonly<{ authenticatedAt: Date | null }>;

const SKEW_S = 60;

export class OpenIdClientProvider extends OpenIdProvider {
  constructor(
    private readonly settings: ClientSettings,
    private readonly ports: Ports,
  ) {
    super();
  }

  async signInUrl({ state, nonce, verifier }: SignInSecrets, isFresh: boolean): Promise<string> {
    const { redirectUri, scopes } = this.settings;
    const parameters = {
      ...{ redirect_uri: redirectUri, scope: scopes, state, nonce, response_type: 'code' },
      ...{ code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' },
      ...(isFresh ? { max_age: '0', prompt: 'login' } : {}),
    };
    return client.buildAuthorizationUrl(await this.configuration(), parameters).href;
  }

  async exchange(query: string, secrets: SignInSecrets): Promise<Exchanged> {
    const configuration = await this.configuration();
    try {
      return await this.exchangeWith(configuration, query, secrets);
    } catch (error) {
      throw this.refusalFor(error);
    }
  }

  private async exchangeWith(
    configuration: client.Configuration,
    query: string,
    { state, nonce, verifier }: SignInSecrets,
  ): Promise<Exchanged> {
    const { issuer, clientId, redirectUri } = this.settings;
    const { documents, clock } = this.ports;
    const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier };
    const tokens = await client.authorizationCodeGrant(configuration, new URL(`${redirectUri}?${query}`), checks);
    // The connection alone has proved it so far; its signature does too.
    const { token } = await verifiedBy(documents, tokens.id_token!, { issuer, audience: clientId }, clock.now());
    const { subject, claims } = token;
    // Some providers tell groups there only.
    const more: Claims = configuration.serverMetadata().userinfo_endpoint
      ? await client.fetchUserInfo(configuration, tokens.access_token, subject)
      : {};
    const { auth_time: at } = claims;
    const authenticatedAt = typeof at === 'number' ? new Date(at * 1000) : null;
    return { issuer, subject, claims: { ...more, ...claims }, authenticatedAt };
  }

  private async configuration(): Promise<client.Configuration> {
    const { clientId, clientSecret } = this.settings;
    const { documents, http, clock } = this.ports;
    const server = await documents.addresses();
    // The library has the machine's clock alone.
    const skew = Math.round((clock.now().getTime() - Date.now()) / 1000);
    const metadata = { [client.clockSkew]: skew, [client.clockTolerance]: SKEW_S };
    const configuration = new client.Configuration(server, clientId, metadata, authentication(server, clientSecret));
    if (new URL(server.issuer).protocol === 'http:') client.allowInsecureRequests(configuration);
    configuration[client.customFetch] = (url, options) => http.fetch(url, options as RequestInit);
    return configuration;
  }

  /** Operators read why; whoever signs in reads no more than that it did not succeed. */
  private refusalFor(error: unknown): unknown {
    if (error instanceof SignInRefused || error instanceof NotReady) return error;
    if (error instanceof client.AuthorizationResponseError) {
      this.ports.notify('warn', `A sign-in ended at the OpenID provider: ${shown(error.error)}`);
      return new SignInRefused(error.error === 'access_denied' ? 'denied' : 'refused', 'The provider did not sign in');
    }
    if (error instanceof Error && isAway(error))
      return new NotReady('The OpenID provider cannot be asked at this moment', { cause: error });
    if (!isOfTheAnswer(error)) return error;
    const reason =
      error instanceof client.ResponseBodyError ? `the provider says ${shown(error.error)}` : deepest(error);
    this.ports.notify('warn', `A sign-in was refused: ${reason}`);
    return new SignInRefused('refused', 'The answer of the provider does not count');
  }
}

const authentication = ({ token_endpoint_auth_methods_supported: known }: client.ServerMetadata, secret?: string) => {
  if (secret === undefined) return client.None();
  const isBasic = known === undefined || known.includes('client_secret_basic');
  return isBasic ? client.ClientSecretBasic(secret) : client.ClientSecretPost(secret);
};

/** No answer came, or one that says that the provider is not there. */
const isAway = ({ cause }: Error): boolean =>
  cause instanceof NotReady || (cause instanceof Response && cause.status >= 500);

const isOfTheAnswer = (error: unknown): error is Error =>
  [client.ClientError, client.ResponseBodyError, client.WWWAuthenticateChallengeError, Unauthenticated].some(
    (kind) => error instanceof kind,
  );

const deepest = (error: Error): string =>
  error.cause instanceof Error && !(error instanceof Unauthenticated) ? reasonOf(error.cause) : error.message;

const shown = (text: string): string => JSON.stringify(text.slice(0, 100));
