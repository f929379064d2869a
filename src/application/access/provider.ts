/** The OpenID provider that knows people, as the rest needs it. */
import type { Claims } from '../../domain/access/claims.js';

/** What the provider vouches for. */
export type Vouched = Readonly<{
  issuer: string;
  subject: string;
  claims: Claims;
}>;

export type VerifiedToken = Vouched & Readonly<{ expiresAt: Date }>;

export abstract class AccessTokens {
  /**
   * The same object for the same token, for as long as it is remembered.
   * @throws Unauthenticated with the rule that the token broke; NotReady where that cannot be found out without the provider
   */
  abstract verify(token: string): Promise<VerifiedToken>;
}

/** `state`, `nonce` and `verifier` are of one sign-in and of no other. */
export type SignInSecrets = Readonly<{ state: string; nonce: string; verifier: string }>;

export abstract class OpenIdProvider {
  /**
   * Where the browser goes.
   * @param isFresh the person has to authenticate anew
   * @throws NotReady
   */
  abstract signInUrl(secrets: SignInSecrets, isFresh: boolean): Promise<string>;

  /**
   * @param query of the address to which the provider sent the browser, without the question mark
   * @returns `authenticatedAt`: null where the provider does not say
   * @throws SignInRefused, NotReady
   */
  abstract exchange(
    query: string,
    secrets: SignInSecrets,
  ): Promise<Vouched & Readonly<{ authenticatedAt: Date | null }>>;
}

/** Why a sign-in came to nothing; a page has a sentence for each. */
export const SIGN_IN_PROBLEMS = ['expired', 'denied', 'refused', 'blocked', 'stale', 'unavailable'] as const;
export type SignInProblem = (typeof SIGN_IN_PROBLEMS)[number];

export class SignInRefused extends Error {
  constructor(
    readonly problem: SignInProblem,
    message: string,
  ) {
    super(message);
  }
}
