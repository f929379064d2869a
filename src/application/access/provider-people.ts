/** People as an OpenID provider knows them: by its tokens, and by sessions of those who signed in over a page. */
import { grantsClaimed, nameClaimed, type ClaimRules } from '../../domain/access/claims.js';
import { People, type Person } from './authenticator.js';
import type { AccessTokens, VerifiedToken } from './provider.js';
import { cookieIn, type CookieNames } from './session-cookies.js';
import type { Session, Sessions } from './sessions.js';

type Ports = Readonly<{ tokens: AccessTokens; sessions: Sessions; rules: ClaimRules; cookies: CookieNames }>;

export class ProviderPeople extends People {
  private readonly byVerified = new WeakMap<VerifiedToken, Person>();

  constructor(private readonly ports: Ports) {
    super();
  }

  async byToken(token: string): Promise<Person> {
    const verified = await this.ports.tokens.verify(token);
    const person = this.byVerified.get(verified) ?? this.personOf(verified);
    this.byVerified.set(verified, person);
    return person;
  }

  async byCookie(cookie: string): Promise<Person | null> {
    const { sessions, cookies } = this.ports;
    const secret = cookieIn(cookie, cookies.session);
    const session = secret === null ? null : await sessions.find(secret);
    return session && personOfSession(session);
  }

  isSignedIn(sessionId: string): boolean {
    return this.ports.sessions.isSignedIn(sessionId);
  }

  whenEnded(sessionId: string, listener: () => void): () => void {
    return this.ports.sessions.whenEnded(sessionId, listener);
  }

  csrfTokenOf(sessionId: string): string {
    return this.ports.sessions.csrfTokenOf(sessionId);
  }

  private personOf({ issuer, subject, claims, expiresAt }: VerifiedToken): Person {
    const { rules } = this.ports;
    const claimed = grantsClaimed(claims, rules);
    const name = nameClaimed(claims, rules, subject);
    return { issuer, subject, name, credential: { kind: 'token', expiresAt, claimed } };
  }
}

const personOfSession = ({ id, issuer, subject, name, claimed, authenticatedAt, expiresAt }: Session): Person => ({
  ...{ issuer, subject, name },
  credential: { kind: 'session', id, expiresAt, authenticatedAt, claimed },
});
