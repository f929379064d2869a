/** Sign-ins that a person made just now, for one purpose: what a signature needs beside the session. */
import type { Principal } from './principal.js';

/** A sign-in counts for so long after the provider saw the person. */
export const FRESH_SIGN_IN_MS = 5 * 60_000;

/** What a fresh sign-in may be for: 1 to 200 characters that an address can hold as they are. */
export const FRESH_SIGN_IN_PURPOSE = /^[A-Za-z0-9._:-]{1,200}$/;

export abstract class FreshSignIns {
  /**
   * Uses up the latest fresh sign-in of this person for this purpose, in this session; of several calls at once, on whichever
   * instances, one gets it.
   * @param purpose as `FRESH_SIGN_IN_PURPOSE` has it: the same text that the address of the sign-in named
   * @returns when the provider says that the person was authenticated
   * @throws FreshSignInRequired where there is none, or the principal has no session; NotReady where it cannot be found out now
   */
  abstract consume(principal: Principal, purpose: string): Promise<Readonly<{ authenticatedAt: Date }>>;
}

/** 401: the credential counts, and this needs a new sign-in beside it. */
export class FreshSignInRequired extends Error {
  readonly code = 'FRESH_SIGN_IN_REQUIRED';

  /** @param signInAt where the person goes to sign in for this purpose: a path of this API, to which a `return_to` may be added */
  constructor(
    readonly signInAt: string,
    message = 'This needs a sign-in that was made for it within the last 5 minutes: sign in at the address in `sign_in_at` and repeat the request',
  ) {
    super(message);
  }
}

/** @param purpose as `FRESH_SIGN_IN_PURPOSE` has it */
export const freshSignInAt = (purpose: string): string => `/auth/sign-in?fresh=1&for=${encodeURIComponent(purpose)}`;
