/** People by an OpenID provider: tokens, sign-ins over pages, sessions. Mode `oidc`. */
import { randomBytes } from 'node:crypto';
import type { AccessDirectory } from '../application/access/access-directory.js';
import type { AccessLog } from '../application/access/access-log.js';
import { ProviderPeople } from '../application/access/provider-people.js';
import { cookieNames } from '../application/access/session-cookies.js';
import { DEFAULT_SESSION_LIMITS, endSessionsOfBlocked, Sessions } from '../application/access/sessions.js';
import { SignIns } from '../application/access/sign-ins.js';
import type { ClaimRules } from '../domain/access/claims.js';
import type { Config } from '../infrastructure/config/config.js';
import { passwordIn } from '../infrastructure/config/password-file.js';
import { JoseAccessTokens } from '../infrastructure/oidc/jose-tokens.js';
import { OpenIdClientProvider, type ClientSettings } from '../infrastructure/oidc/openid-client-provider.js';
import { ProviderDocuments } from '../infrastructure/oidc/provider-documents.js';
import { providerHttp } from '../infrastructure/oidc/provider-http.js';
import { PostgresSessions } from '../infrastructure/postgres/access/postgres-sessions.js';
import { CookieWrites } from '../interfaces/http/access/cookie-writes.js';
import { SignInFlow } from '../interfaces/http/access/sign-in-flow.js';
import { type Dependencies, logErrors, tellLog } from './feature.js';

const MINUTE_MS = 60_000;

export type PeopleParts = Readonly<{
  people: ProviderPeople;
  sessions: Sessions;
  flow: SignInFlow;
  start: () => void;
  stop: () => Promise<void>;
}>;

/** Null in other modes: then nobody signs in. */
export const people = (
  dependencies: Dependencies,
  directory: AccessDirectory,
  accessLog: AccessLog,
): PeopleParts | null => {
  const { config, clock, dataSource, sessionKey, outages, door } = dependencies;
  if (config.auth !== 'oidc' || sessionKey === null) return null;
  const onError = logErrors('Access', outages);
  const settings = clientSettings(config);
  const http = providerHttp(clock, config.oidcTimeoutMs);
  const documents = new ProviderDocuments(settings.issuer, http, clock, onError);
  const expected = { issuer: settings.issuer, audience: config.oidcAudience! };
  const tokens = new JoseAccessTokens(documents, expected, clock);
  const store = new PostgresSessions(dataSource);
  const sessions = new Sessions({ store, clock, key: sessionKey, onError }, sessionLimits(config));
  const provider = new OpenIdClientProvider(settings, { documents, http, clock, notify: tellLog('Access') });
  const [rules, random] = [claimRules(config), randomBytes];
  const signIns = new SignIns({ provider, sessions, directory, rules, clock, accessLog, key: sessionKey, random });
  const isSecure = settings.redirectUri.startsWith('https:');
  const cookies = cookieNames(isSecure);
  const endBlocked = endSessionsOfBlocked(sessions, onError);
  const unwatch = directory.onChange(() => void endBlocked(directory.current));
  return {
    people: new ProviderPeople({ tokens, sessions, rules, cookies }),
    sessions,
    flow: new SignInFlow({ signIns, sessions, cookies, isSecure }, new CookieWrites(door.isOwnOrigin)),
    start: () => {
      sessions.start();
      // Nothing waits for it: an operator should read early that the provider cannot be reached.
      documents.keys().catch(() => undefined);
    },
    stop: async () => {
      unwatch();
      await sessions.stop();
    },
  };
};

/** What mode `oidc` needs was checked when the settings were read. */
const clientSettings = (config: Config): ClientSettings => ({
  issuer: config.oidcIssuer!,
  clientId: config.oidcClientId!,
  clientSecret: config.oidcClientSecretFile === undefined ? undefined : passwordIn(config.oidcClientSecretFile),
  redirectUri: `${config.publicUrl!}/auth/callback`,
  scopes: config.oidcScopes,
});

const claimRules = (config: Config): ClaimRules => ({
  rolesClaim: config.oidcRolesClaim,
  projectsClaim: config.oidcProjectsClaim ?? null,
  nameClaim: config.oidcNameClaim,
  roleNames: config.oidcRoleNames ?? null,
});

const sessionLimits = (config: Config) => ({
  ...DEFAULT_SESSION_LIMITS,
  lifetimeMs: config.sessionLifetimeMinutes * MINUTE_MS,
  idleMs: config.sessionIdleMinutes * MINUTE_MS,
});
